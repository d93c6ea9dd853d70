import { useState, type ReactNode } from "react";
import { formatBytes, formatCount } from "../lib/format";
import { Button } from "./Button";
import { Copy } from "./Copy";
import css from "./JsonView.module.css";

/** Characters that are parsed without being asked: a millisecond or two. */
const parseChars = 256 * 1024;
/** Characters of a larger text that are shown as they stand. */
const headChars = 4 * 1024;
/** Members drawn at a time; the rest come on request. */
const pageSize = 100;
/** Levels that are open at first. */
const openLevels = 2;
/** A string longer than this is folded. */
const longString = 400;

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** JSON text, pretty. Only what is open is drawn; a megabyte is parsed only when somebody asks. */
export function JsonView({ text, label, openDepth = openLevels }: { text: string; label: string; openDepth?: number }) {
  const [asked, setAsked] = useState(false);
  const isLarge = text.length > parseChars && !asked;
  const value = isLarge ? undefined : tryParse(text);
  return (
    <div className={css.view}>
      <span className={css.copy}>
        <Copy text={text} label={`Copy ${label}`} />
      </span>
      {isLarge ? (
        <>
          <pre className={css.plain}>{text.slice(0, headChars)}…</pre>
          <Button onPress={() => setAsked(true)}>Open all {formatBytes(text.length)} as a tree</Button>
        </>
      ) : value === undefined ? (
        <pre className={css.plain}>{text}</pre>
      ) : (
        <div className={css.tree}>
          <Value value={value} depth={0} openDepth={openDepth} />
        </div>
      )}
    </div>
  );
}

function tryParse(text: string): Json | undefined {
  try {
    const value = JSON.parse(text) as Json;
    // A second time only where a number could be rounded. The text is JSON, so its strings end.
    return mayRound.test(text) ? (JSON.parse(exactNumbers(text)) as Json) : value;
  } catch {
    return undefined;
  }
}

/** Marks a number that is kept as text. A private-use character, which no sender has a reason to send. */
const numberMark = "\uE000";

/** A double keeps fifteen digits, and an exponent can be out of its reach. */
const mayRound = /\d[\d.]{15}|\d[eE][+-]?\d/;

/** Numbers that a double would change are kept as text: an id must be shown as it was sent. */
function exactNumbers(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token) =>
    token.startsWith('"') || !mayRound.test(token) || isSameNumber(token, String(Number(token))) ? token : `"${numberMark}${token}"`,
  );
}

/** Whether two ways to write a decimal mean the same number. */
function isSameNumber(a: string, b: string): boolean {
  const [x, y] = [decimalOf(a), decimalOf(b)];
  return x !== undefined && y !== undefined && x.digits === y.digits && x.power === y.power;
}

/** The digits that count, as an integer, and the power of ten that it is multiplied by. */
function decimalOf(text: string): { digits: string; power: number } | undefined {
  const m = /^-?(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(text);
  if (!m) return undefined;
  const fraction = m[2] ?? "";
  const digits = (m[1]! + fraction).replace(/^0+/, "");
  let end = digits.length;
  while (digits[end - 1] === "0") end--;
  return end === 0 ? { digits: "", power: 0 } : { digits: digits.slice(0, end), power: Number(m[3] ?? 0) - fraction.length + digits.length - end };
}

function Value({ value, depth, openDepth }: { value: Json; depth: number; openDepth: number }): ReactNode {
  if (typeof value === "string" && value.startsWith(numberMark)) return <span className={css.number}>{value.slice(1)}</span>;
  if (typeof value === "string") return <Text value={value} />;
  if (typeof value === "number") return <span className={css.number}>{value}</span>;
  if (value === null || typeof value === "boolean") return <span className={css.word}>{String(value)}</span>;
  return <Branch value={value} depth={depth} openDepth={openDepth} />;
}

function Text({ value }: { value: string }) {
  const [isOpen, setOpen] = useState(false);
  const isLong = value.length > longString;
  return (
    <span className={css.string}>
      “{isLong && !isOpen ? value.slice(0, longString) : value}
      {isLong && !isOpen ? (
        <button type="button" className={css.more} onClick={() => setOpen(true)}>
          … {formatCount(value.length - longString)} more characters
        </button>
      ) : null}
      ”
    </span>
  );
}

function Branch({ value, depth, openDepth }: { value: Json[] | { [key: string]: Json }; depth: number; openDepth: number }) {
  const isList = Array.isArray(value);
  const keys = Object.keys(value);
  const [isOpen, setOpen] = useState(depth < openDepth && keys.length <= pageSize);
  const [shown, setShown] = useState(pageSize);
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  if (keys.length === 0) return <span className={css.mark}>{open + close}</span>;
  return (
    <>
      <button type="button" className={css.fold} aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <span className={css.caret} aria-hidden>
          ▸
        </span>
        <span className={css.mark}>{open}</span>
        {isOpen ? null : (
          <span className={css.count}>
            {formatCount(keys.length)} {isList ? "items" : "keys"} <span className={css.mark}>{close}</span>
          </span>
        )}
      </button>
      {isOpen ? (
        <ul className={css.members}>
          {keys.slice(0, shown).map((key) => (
            <li key={key}>
              <span className={isList ? css.index : css.key}>{key}</span>{" "}
              <Value value={(value as { [key: string]: Json })[key]!} depth={depth + 1} openDepth={openDepth} />
            </li>
          ))}
          {keys.length > shown ? (
            <li>
              <button type="button" className={css.more} onClick={() => setShown(shown + pageSize)}>
                {formatCount(keys.length - shown)} more
              </button>
            </li>
          ) : null}
        </ul>
      ) : null}
    </>
  );
}
