"""LiteLLM against a running API: python3 clients.py BASE_URL KEY MODEL. Prints JSON."""

import json
import sys

import litellm

base_url, key, model = sys.argv[1:4]
litellm.telemetry = False
shared = {"model": f"openai/{model}", "api_base": base_url, "api_key": key, "temperature": 0, "max_tokens": 8}
messages = [{"role": "user", "content": "The car"}]
whole = litellm.completion(messages=messages, **shared)
streamed = "".join(
    chunk.choices[0].delta.content or "" for chunk in litellm.completion(messages=messages, stream=True, **shared)
)
print(json.dumps({"text": whole.choices[0].message.content, "streamed": streamed, "tokens": whole.usage.total_tokens}))
