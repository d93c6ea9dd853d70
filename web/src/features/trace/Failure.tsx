// What failed and why, said the same way at a span, at a tool call and in the conversation.
import type { ReactNode } from "react";
import { CircleAlert } from "lucide-react";
import type { WireError, WireSpan } from "../../api/types";
import css from "./Failure.module.css";

/** Why a span failed; undefined when it did not. A sender that gives no type may say why in the status. */
export function failureOf(span: WireSpan): WireError | undefined {
  const { error, status } = span;
  if (status?.code !== "CODE_ERROR" && !error?.type && !error?.message) return undefined;
  return { ...error, message: error?.message || status?.message || "" };
}

/** The error's type, its HTTP status and what it says. */
export function Failure({ error, children }: { error: WireError; children?: ReactNode }) {
  // The conventions allow an HTTP status as the type: alone it must say what it is, and once is enough.
  const isStatus = /^[1-5]\d\d$/.test(error.type ?? "");
  const http = isStatus ? error.type : error.httpStatus !== "0" ? error.httpStatus : "";
  const type = isStatus ? "" : error.type || "Failed";
  return (
    <div className={css.failure}>
      <p className={css.head}>
        <CircleAlert size={15} aria-hidden /> {type}
        {http ? <span className={type ? css.http : ""}>HTTP {http}</span> : null}
      </p>
      {error.message ? <p className={css.message}>{error.message}</p> : null}
      {children}
    </div>
  );
}
