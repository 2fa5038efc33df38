// The HTTP API. Integers that a number of JavaScript cannot hold arrive as BigInt.

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
  try {
    response = await fetch(`${path}?${new URLSearchParams(parameters)}`, { signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "logpost does not answer. It may be restarting: the search is repeated when it is back.");
  }
  const text = await response.text();
  if (response.ok) return JSON.parse(text, exactInteger);
  let body;
  try {
    body = JSON.parse(text).error;
  } catch {
    body = { message: `the server answered ${response.status} ${response.statusText}` };
  }
  throw new ApiError(response.status, body.message, body.at ?? null);
}

function exactInteger(_key, value, context) {
  if (typeof value !== "number" || Number.isSafeInteger(value) || !Number.isInteger(value)) return value;
  return /^-?\d+$/.test(context?.source ?? "") ? BigInt(context.source) : value;
}
