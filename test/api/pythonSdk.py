"""What a submitter's Python does with the stock SDK. Each step reads JSON from argv and prints JSON."""

import json
import sys
import tempfile
from pathlib import Path

import openai

client = openai.OpenAI(max_retries=0)


def submit():
    lines = [
        {"custom_id": name, "method": "POST", "url": "/v1/embeddings", "body": {"model": "lsa-wordnet", "input": name}}
        for name in ("first", "second", "third")
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "input.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        file = client.files.create(file=path, purpose="batch", expires_after={"anchor": "created_at", "seconds": 3600})
    assert file.id in [each.id for each in client.files.list(purpose="batch")]
    assert client.files.retrieve(file.id).bytes == file.bytes
    assert client.files.content(file.id).text.count("\n") == 3

    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/embeddings", completion_window="24h", metadata={"who": "python"}
    )
    other = client.batches.create(input_file_id=file.id, endpoint="/v1/embeddings", completion_window="24h")
    cancelled = client.batches.cancel(other.id)
    pages = [each.id for each in client.batches.list(limit=1)]
    assert pages[:2] == [other.id, batch.id], pages
    return {
        "file": file.id,
        "batch": batch.id,
        "status": batch.status,
        "metadata": batch.metadata,
        "cancelled": cancelled.status,
        "deadline": batch.model_extra["x_grid"]["deadline"],
    }


def results(batch_id):
    batch = client.batches.retrieve(batch_id)
    read = lambda file_id: [json.loads(line) for line in client.files.content(file_id).text.splitlines()]
    counts = batch.request_counts
    return {
        "status": batch.status,
        "counts": [counts.total, counts.completed, counts.failed],
        "output": [line["custom_id"] for line in read(batch.output_file_id)],
        "errors": {line["custom_id"]: (line["error"] or {}).get("code") for line in read(batch.error_file_id)},
    }


def embed():
    answer = client.embeddings.create(model="lsa-wordnet", input=["drive the car", "cook soup"])
    floats = client.embeddings.create(model="lsa-wordnet", input="drive the car", encoding_format="float")
    first = answer.data[0].embedding
    return {
        "lengths": [len(each.embedding) for each in answer.data],
        "same": all(abs(a - b) < 1e-6 for a, b in zip(first, floats.data[0].embedding)),
        "models": [model.id for model in client.models.list()],
        "model": client.models.retrieve("lsa-wordnet").owned_by,
    }


def errors():
    told = []
    for call in (
        lambda: client.batches.retrieve("batch_none"),
        lambda: client.embeddings.create(model="none", input="x"),
        lambda: client.with_options(api_key="wrong").models.list(),
        lambda: client.batches.create(input_file_id="none", endpoint="/v1/embeddings", completion_window="24h"),
    ):
        try:
            call()
        except openai.APIStatusError as error:
            told.append([type(error).__name__, error.code, error.param, error.request_id is not None])
    return told


def unwrap(secret, body, headers):
    event = client.webhooks.unwrap(body, headers, secret=secret)
    try:
        client.webhooks.unwrap(body.replace("completed", "failed"), headers, secret=secret)
        forged = True
    except openai.InvalidWebhookSignatureError:
        forged = False
    return {"type": event.type, "batch": event.data.id, "forged": forged}


print(json.dumps(globals()[sys.argv[1]](*json.loads(sys.argv[2]))))
