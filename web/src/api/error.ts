import type { WireRpcStatus } from "./types";

/** What the server said when it did not answer: enough for a person to act and for a log to be found. */
export class ApiError extends Error {
  override name = "ApiError";
  constructor(
    message: string,
    /** HTTP status; 0 when the server was not reached. */
    readonly status: number,
    /** The id under which the server logged the request; empty when it was not reached. */
    readonly requestId: string,
    /** Fields that the server refused, with its reason. */
    readonly fields: readonly { field: string; description: string }[] = [],
  ) {
    super(message);
  }

  /** The server does not know who asks: a key would help. */
  get isUnauthorized(): boolean {
    return this.status === 401;
  }

  /** The server knows who asks, and that key may not do this. The rest of the page goes on. */
  get isForbidden(): boolean {
    return this.status === 403;
  }

  /** A request that may succeed when it is repeated. */
  get isTransient(): boolean {
    return this.status === 0 || this.status === 429 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

interface BadRequest {
  fieldViolations?: { field?: string; description?: string }[];
}

/** Reads a failed response: google.rpc.Status as JSON, or whatever a proxy put in its place. */
export function toApiError(response: Response, body: unknown): ApiError {
  const status = (typeof body === "object" && body !== null ? body : {}) as WireRpcStatus;
  const fields = (status.details ?? []).flatMap((detail) =>
    ((detail as BadRequest).fieldViolations ?? []).map((v) => ({ field: v.field ?? "", description: v.description ?? "" })),
  );
  const fallback = response.statusText || `HTTP ${response.status}`;
  return new ApiError(status.message || fallback, response.status, response.headers.get("x-request-id") ?? "", fields);
}
