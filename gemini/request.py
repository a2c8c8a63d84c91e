"""A question as the JSON body of `generateContent`.

Names are the camelCase ones of the REST API (https://ai.google.dev/api/generate-content). An attachment's data is a mark,
which is replaced while it is sent (`gemini.attached`).
"""

import json
import secrets

from gemini.attached import AttachedBody, Marks
from gemini.question import Question, Transcription
from models.tier import ServiceTier


def marks_of(question: Question) -> Marks:
    """A fresh mark for each attachment; nobody can guess one and write it into a prompt."""
    return {secrets.token_hex(16): attachment for attachment in question.attachments}


def body_of(question: Question) -> AttachedBody:
    """What is sent to ask the question.

    Raises:
        AttachmentError: the file of an attachment is not there.
        ValueError: something in the question is no JSON.

    """
    marks = marks_of(question)
    text = json.dumps(request_body(question, marks), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return AttachedBody(text.encode(), marks)


def request_body(question: Question, marks: Marks) -> dict[str, object]:
    """The whole body of the request: attachments before the prompt, as Google advises for one medium and one text."""
    parts: list[dict[str, object]] = [
        {"inlineData": {"mimeType": attachment.mime_type, "data": mark}} for mark, attachment in marks.items()
    ]
    if question.transcription is None:
        parts.append({"text": question.prompt})
    body: dict[str, object] = {
        "contents": [{"role": "user", "parts": parts}],
        "generationConfig": _generation_config(question),
    }
    if question.system and question.transcription is None:
        body["systemInstruction"] = {"parts": [{"text": question.system}]}
    if question.labels:
        body["labels"] = dict(question.labels)
    if question.tier is ServiceTier.FLEX:
        body["serviceTier"] = "flex"
    return body


def _generation_config(question: Question) -> dict[str, object]:
    if question.transcription is not None:
        config: dict[str, object] = {"audioTranscriptionConfig": _transcription_config(question.transcription)}
    else:
        config = _prompted_config(question)
    if question.seed is not None:
        config["seed"] = question.seed
    return config


def _prompted_config(question: Question) -> dict[str, object]:
    config: dict[str, object] = {
        "temperature": question.temperature,
        "maxOutputTokens": question.max_output_tokens,
        "responseMimeType": "application/json",
        "responseJsonSchema": dict(question.answer_schema),
    }
    if question.thinking_level is not None:
        config["thinkingConfig"] = {"thinkingLevel": question.thinking_level.upper()}
    if question.media_resolution is not None:
        config["mediaResolution"] = question.media_resolution
    return config


def _transcription_config(transcription: Transcription) -> dict[str, object]:
    """Only what is asked for."""
    config: dict[str, object] = {
        "languageCodes": list(transcription.language_codes),
        "customVocabulary": list(transcription.vocabulary),
        "wordTimestamp": transcription.words,
        "diarization": transcription.speakers,
    }
    return {name: value for name, value in config.items() if value}
