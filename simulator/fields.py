"""The fields that a request may have (generateContent, a new file, a new batch): tables, no code.

Names are the protocol's own (snake_case); `wire.py` accepts the camelCase spelling of each as well. After the
REST reference and google-genai 3.4. A field's type is one of

- a scalar: `string`, `int`, `number`, `bool`, `bytes` (base64), `value` (any JSON), `struct` (any JSON object)
- `map`: string to string
- the name of a message in `MESSAGES`, or of an enumeration in `ENUMS`
- any of these in a list of one: repeated

Fields of tools are known by name only; what is inside them is not checked.
"""

from collections.abc import Mapping

FieldType = str | list[str]

MESSAGES: Mapping[str, Mapping[str, FieldType]] = {
    "GenerateContentRequest": {
        "model": "string",
        "contents": ["Content"],
        "system_instruction": "Content",
        "generation_config": "GenerationConfig",
        "safety_settings": ["SafetySetting"],
        "tools": ["Tool"],
        "tool_config": "ToolConfig",
        "labels": "map",
        "cached_content": "string",
        "service_tier": "ServiceTier",
        "continuation_token": "bytes",
        "store": "bool",
    },
    "Content": {"role": "string", "parts": ["Part"]},
    "Part": {
        "text": "string",
        "inline_data": "Blob",
        "file_data": "FileData",
        "function_call": "struct",
        "function_response": "struct",
        "executable_code": "struct",
        "code_execution_result": "struct",
        "thought": "bool",
        "thought_signature": "bytes",
        "part_metadata": "struct",
        "media_resolution": "PartMediaResolution",
        "video_metadata": "VideoMetadata",
        "audio_metadata": "AudioMetadata",
    },
    "Blob": {"mime_type": "string", "data": "bytes", "display_name": "string"},
    "FileData": {"mime_type": "string", "file_uri": "string", "display_name": "string"},
    "PartMediaResolution": {"level": "PartMediaLevel", "num_tokens": "int"},
    "VideoMetadata": {"start_offset": "string", "end_offset": "string", "fps": "number"},
    "AudioMetadata": {"start_offset": "string", "end_offset": "string"},
    "SafetySetting": {"category": "HarmCategory", "threshold": "HarmBlockThreshold"},
    "GenerationConfig": {
        "temperature": "number",
        "top_p": "number",
        "top_k": "number",
        "candidate_count": "int",
        "max_output_tokens": "int",
        "stop_sequences": ["string"],
        "seed": "int",
        "presence_penalty": "number",
        "frequency_penalty": "number",
        "response_logprobs": "bool",
        "logprobs": "int",
        "response_mime_type": "string",
        "response_schema": "Schema",
        "response_json_schema": "value",
        "response_modalities": ["Modality"],
        "media_resolution": "MediaResolution",
        "thinking_config": "ThinkingConfig",
        "audio_transcription_config": "AudioTranscriptionConfig",
        "speech_config": "struct",
        "image_config": "struct",
        "enable_enhanced_civic_answers": "bool",
    },
    "ThinkingConfig": {"include_thoughts": "bool", "thinking_budget": "int", "thinking_level": "ThinkingLevel"},
    "AudioTranscriptionConfig": {
        "language_codes": ["string"],
        "language_auto": "struct",
        "language_hints": "struct",
        "adaptation_phrases": ["string"],
        "custom_vocabulary": ["string"],
        "diarization": "bool",
        "word_timestamp": "bool",
        "mode": "TranscriptionMode",
        "source_text": "string",
    },
    "Schema": {
        "type": "SchemaType",
        "format": "string",
        "title": "string",
        "description": "string",
        "nullable": "bool",
        "enum": ["string"],
        "items": "Schema",
        "min_items": "int",
        "max_items": "int",
        "properties": "Schemas",
        "required": ["string"],
        "min_properties": "int",
        "max_properties": "int",
        "minimum": "number",
        "maximum": "number",
        "min_length": "int",
        "max_length": "int",
        "pattern": "string",
        "example": "value",
        "default": "value",
        "any_of": ["Schema"],
        "property_ordering": ["string"],
    },
    "Tool": dict.fromkeys(
        ("code_execution", "computer_use", "file_search", "google_maps", "google_search", "url_context"), "struct"
    )
    | {"google_search_retrieval": "struct", "function_declarations": ["struct"]},
    "ToolConfig": {
        "function_calling_config": "struct",
        "retrieval_config": "struct",
        "include_server_side_tool_invocations": "bool",
    },
    "CreateFileRequest": {"file": "File"},
    "File": {"name": "string", "display_name": "string", "mime_type": "string", "size_bytes": "int"},
    "BatchGenerateContentRequest": {"batch": "GenerateContentBatch"},
    "GenerateContentBatch": {
        "model": "string",
        "display_name": "string",
        "input_config": "InputConfig",
        "priority": "int",
        "webhook_config": "WebhookConfig",
    },
    "InputConfig": {"file_name": "string", "requests": "InlinedRequests"},
    "InlinedRequests": {"requests": ["InlinedRequest"]},
    "InlinedRequest": {"request": "GenerateContentRequest", "metadata": "struct"},
    "WebhookConfig": {"uris": ["string"], "user_metadata": "struct"},
    "BatchLine": {"key": "string", "request": "struct"},
}

PART_DATA = (
    "text",
    "inline_data",
    "file_data",
    "function_call",
    "function_response",
    "executable_code",
    "code_execution_result",
)
"""A part has exactly one of these."""

ENUMS: Mapping[str, frozenset[str]] = {
    "HarmCategory": frozenset(
        "HARM_CATEGORY_" + name
        for name in (
            *("UNSPECIFIED", "HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT"),
            *("CIVIC_INTEGRITY", "JAILBREAK", "IMAGE_HATE", "IMAGE_DANGEROUS_CONTENT", "IMAGE_HARASSMENT"),
            "IMAGE_SEXUALLY_EXPLICIT",
        )
    ),
    "HarmBlockThreshold": frozenset(
        {
            *("HARM_BLOCK_THRESHOLD_UNSPECIFIED", "BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE"),
            *("BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF"),
        }
    ),
    "MediaResolution": frozenset("MEDIA_RESOLUTION_" + name for name in ("UNSPECIFIED", "LOW", "MEDIUM", "HIGH")),
    "PartMediaLevel": frozenset(
        "MEDIA_RESOLUTION_" + name for name in ("UNSPECIFIED", "LOW", "MEDIUM", "HIGH", "ULTRA_HIGH")
    ),
    "Modality": frozenset({"MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "AUDIO"}),
    "SchemaType": frozenset({"TYPE_UNSPECIFIED", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"}),
    "ServiceTier": frozenset({"unspecified", "flex", "standard", "priority"}),
    "ThinkingLevel": frozenset({"THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"}),
    "TranscriptionMode": frozenset({"MODE_UNSPECIFIED", "VERBATIM", "SMART"}),
}
