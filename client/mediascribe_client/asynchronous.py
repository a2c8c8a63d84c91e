"""The client for asyncio. What it asks and how it waits and retries stands in `calls`, `steps` and `reading`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from mediascribe_client import calls
from mediascribe_client.async_operations import AsyncBulkActions, AsyncWebhooks
from mediascribe_client.bodies import Items, LocalFile, for_asyncio
from mediascribe_client.calls import Call, Page
from mediascribe_client.connection import Connection, connection_of
from mediascribe_client.given import JobFields, JobFilters, Kind, NewJob, TextFormat
from mediascribe_client.reading import Following, Lines, OnItem, Tally, job_of
from mediascribe_client.steps import Sleep, Steps, ask, asked, failed, wait_for_batch, wait_for_job

if TYPE_CHECKING:
    import httpx2

    from mediascribe_client.outputs import CaptionOutput, TranscriptOutput
    from mediascribe_client.shapes import (
        Batch,
        BatchEvent,
        BatchReport,
        Job,
        Output,
        OutputT,
        SubmittedBatch,
    )

T = TypeVar("T")


class AsyncSender:
    """Carries steps out, with httpx2."""

    def __init__(self, connection: Connection, http: httpx2.AsyncClient | None) -> None:
        import httpx2  # here, so that importing the package costs little

        self.retries = connection.retries
        self._connection = connection
        self._owns = http is None
        self._http = http or httpx2.AsyncClient()
        self._lost = httpx2.RequestError

    async def run(self, steps: Steps[T]) -> T:
        """What the steps come to."""
        outcome: httpx2.Response | Exception | None = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as ended:
                result: T = ended.value
                return result
            outcome = await self._done(step)

    async def _done(self, step: Call[Any] | Sleep) -> httpx2.Response | Exception | None:
        if isinstance(step, Sleep):
            await asyncio.sleep(step.seconds)
            return None
        try:
            with step.opened() as body:
                request = self._http.build_request(**self._connection.request(step, for_asyncio(body)))
                answer = await self._http.send(request, stream=True, follow_redirects=False)
            if not (step.is_stream and answer.is_success):
                await answer.aread()
        except self._lost as error:
            return error
        return answer

    async def ask(self, call: Call[T]) -> T:
        """What the answer says."""
        return await self.run(asked(call, self.retries))

    async def lines(self, call: Call[None]) -> AsyncIterator[bytes]:
        """The lines of the answer, as they come."""
        answer = await self.run(ask(call, self.retries))
        lines = Lines()
        try:
            async for piece in answer.aiter_bytes():
                for line in lines.take(piece):
                    yield line
            for line in lines.end():
                yield line
        except self._lost as error:
            raise failed(error, call) from error
        finally:
            await answer.aclose()

    async def pages(self, call: Call[Page[T]]) -> AsyncIterator[T]:
        """All items, page by page."""
        following: Call[Page[T]] | None = call
        while following is not None:
            page = await self.ask(following)
            for item in page.items:
                yield item
            following = page.following

    async def events(self, following: Following) -> AsyncIterator[BatchEvent]:
        """All events to the end."""
        import httpx2

        while not following.is_over:
            error: Exception | None = None
            answer = await self.run(ask(following.call(), self.retries))
            try:
                if following.open(answer):
                    async for told in httpx2.EventSource(answer):
                        yield following.take(told)
            except self._lost as lost:
                error = lost
            finally:
                await answer.aclose()
            if not following.is_over:
                await self.run(following.broke_off(error))

    async def close(self) -> None:
        """Close the connections, unless they are somebody else's."""
        if self._owns:
            await self._http.aclose()


class AsyncJobs:
    """`client.jobs`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def submit(
        self, kind: Kind, source: str | LocalFile, *, idempotency_key: str | None = None, **fields: Unpack[JobFields]
    ) -> Job[Any]:
        """Submit a job. A text says where the workers find the media item; a LocalFile is sent along."""
        return await self._sender.ask(calls.submit_job(kind, source, fields, key=idempotency_key))

    async def get(self, job_id: str) -> Job[Output]:
        """A job as it is now."""
        return await self._sender.ask(calls.get_job(job_id))

    async def wait(self, job: Job[OutputT] | str, *, timeout_seconds: float | None = None) -> Job[OutputT]:
        """The job, as soon as it is done, well or badly. Raises WaitTimeoutError."""
        return await self._sender.run(wait_for_job(job, self._sender.retries, timeout_seconds=timeout_seconds))

    def list(self, **filters: Unpack[JobFilters]) -> AsyncIterator[Job[Output]]:
        """AsyncJobs without their outputs, newest first; pages are asked for as they are needed."""
        return self._sender.pages(calls.list_jobs(filters))

    async def output(self, job_id: str) -> dict[str, Any]:
        """The output alone, as JSON says it. Raises ConflictError where there is none."""
        return await self._sender.ask(calls.get_output(job_id))

    async def text(self, job_id: str, form: TextFormat = "txt") -> str:
        """The output as text, or as the subtitles of a recording. Raises ConflictError where there is none."""
        return await self._sender.ask(calls.get_text(job_id, form))

    async def cancel(self, job_id: str) -> Job[Output]:
        """Stop a job. Raises ConflictError where it is done."""
        return await self._sender.ask(calls.cancel_job(job_id))

    async def retry(self, job_id: str, *, idempotency_key: str | None = None) -> Job[Output]:
        """Queue a failed, partial or cancelled job again. Raises ConflictError where it is none of these."""
        return await self._sender.ask(calls.retry_job(job_id, key=idempotency_key))


class AsyncBatches:
    """`client.batches`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def submit(
        self,
        items: Items | AsyncIterable[NewJob],
        *,
        name: str | None = None,
        budget_usd: Decimal | None = None,
        idempotency_key: str | None = None,
        on_item: OnItem | None = None,
    ) -> SubmittedBatch:
        """Submit up to a million items as one stream; each is accepted or refused by itself.

        A list comes back with the job of each item. Of a generator nothing is kept; `on_item` hears of each item.
        Raises InvalidRequestError where no item can be accepted.
        """
        tally = Tally(items, on_item)
        call = calls.submit_batch(
            items, name=name, budget_usd=budget_usd, key=idempotency_key, with_outcomes=tally.wants_lines
        )
        async for line in self._sender.lines(call):
            tally.take(line)
        return tally.batch(call)

    async def get(self, batch_id: str) -> BatchReport:
        """Where a batch stands."""
        return await self._sender.ask(calls.get_batch(batch_id))

    async def wait(self, batch_id: str, *, timeout_seconds: float | None = None) -> BatchReport:
        """The batch, as soon as all its jobs are done, well or badly. Raises WaitTimeoutError."""
        return await self._sender.run(wait_for_batch(batch_id, self._sender.retries, timeout_seconds=timeout_seconds))

    def list(self) -> AsyncIterator[Batch]:
        """AsyncBatches, newest first; pages are asked for as they are needed."""
        return self._sender.pages(calls.list_batches({}))

    async def results(self, batch_id: str) -> AsyncIterator[Job[Output]]:
        """All jobs of a batch with their outputs, oldest first, as one stream; those that are not done come without."""
        async for line in self._sender.lines(calls.get_results(batch_id)):
            yield job_of(line)

    def events(self, batch_id: str, *, last_event_id: str | None = None) -> AsyncIterator[BatchEvent]:
        """The counts of a batch whenever they change, until it is done; a connection that is lost is opened again."""
        return self._sender.events(Following(batch_id, self._sender.retries, last_event_id=last_event_id))

    async def cancel(self, batch_id: str) -> int:
        """Stop all jobs of a batch that are not done; how many there were."""
        return await self._sender.ask(calls.cancel_batch(batch_id))


class AsyncMediascribe:
    """Captions and transcripts from a mediascribe server. For one event loop.

    Without `base_url` and `api_key` those of MEDIASCRIBE_URL and MEDIASCRIBE_API_KEY are taken. `timeout_seconds` is how long
    the server may be silent, not how long a job may take. `http_client` is one of your own, with proxies or certificates.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout_seconds: float = 30.0,
        max_retries: int = 5,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        connection = connection_of(base_url, api_key, timeout_seconds=timeout_seconds, max_retries=max_retries)
        self._sender = AsyncSender(connection, http_client)
        self.jobs = AsyncJobs(self._sender)
        self.batches = AsyncBatches(self._sender)
        self.bulk_actions = AsyncBulkActions(self._sender)
        self.webhooks = AsyncWebhooks(self._sender)

    async def caption(
        self, source: str | LocalFile, *, idempotency_key: str | None = None, **fields: Unpack[JobFields]
    ) -> Job[CaptionOutput]:
        """Submit a picture to be captioned. A text says where the workers find it; a LocalFile is sent along."""
        return await self.jobs.submit("caption", source, idempotency_key=idempotency_key, **fields)

    async def transcribe(
        self, source: str | LocalFile, *, idempotency_key: str | None = None, **fields: Unpack[JobFields]
    ) -> Job[TranscriptOutput]:
        """Submit a recording to be transcribed. A text says where the workers find it; a LocalFile is sent along."""
        return await self.jobs.submit("transcribe", source, idempotency_key=idempotency_key, **fields)

    async def wait(self, job: Job[OutputT] | str, *, timeout_seconds: float | None = None) -> Job[OutputT]:
        """The job, as soon as it is done, well or badly. Raises WaitTimeoutError."""
        return await self.jobs.wait(job, timeout_seconds=timeout_seconds)

    async def close(self) -> None:
        """Close the connections."""
        await self._sender.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
