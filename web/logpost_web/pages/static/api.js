// The HTTP API.

/** A number that JavaScript would write otherwise than it was logged: `1.10`, `-0`, integers above 2^53. */
export class WrittenNumber {
  constructor(text) {
    this.text = text;
  }

  toString() {
    return this.text;
  }

  valueOf() {
    return /^-?\d+$/.test(this.text) ? BigInt(this.text) : Number(this.text);
  }

  toJSON() {
    return JSON.rawJSON?.(this.text) ?? this.text;
  }
}

export class ApiError extends Error {
  /** `at`: 0-based position in the query, or null. `status` 0: the server did not answer. */
  constructor(status, message, at = null) {
    super(message);
    this.status = status;
    this.at = at;
  }
}

export async function get(path, parameters, signal) {
  let response;
  let text;
  try {
    response = await fetch(`${path}?${new URLSearchParams(parameters)}`, { signal });
    text = await response.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, response ? "The answer broke off: the search is repeated." : "logpost does not answer. It may be restarting: the search is repeated when it is back.");
  }
  const body = parsed(text, response.ok ? asWritten : undefined);
  if (response.ok && body) return body;
  // What is none of logpost's answers comes from a proxy.
  const { message, at } = body?.error ?? { message: `the server answered ${response.status} ${response.statusText}, and not as logpost does` };
  throw new ApiError(response.status, message, at ?? null);
}

function parsed(text, reviver) {
  try {
    return JSON.parse(text, reviver);
  } catch {
    return null;
  }
}

function asWritten(_key, value, context) {
  return typeof value === "number" && context && context.source !== String(value) ? new WrittenNumber(context.source) : value;
}
