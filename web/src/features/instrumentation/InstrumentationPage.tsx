import { useEffect, useId, useRef, useState, type ReactNode } from "react";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { CircleCheck, Info, RotateCw, TriangleAlert } from "lucide-react";
import { ApiError } from "../../api/error";
import { readingReportQuery, type Finding, type Instrumentation, type ReadingReport, type Share } from "../../api/instrumentation";
import { formatCount, plural } from "../../lib/format";
import { formatAgo, formatInstant, resolveRange } from "../../lib/time";
import { Button, IconButton } from "../../ui/Button";
import { useCommands } from "../../ui/commands";
import { Copy } from "../../ui/Copy";
import { usePreferences } from "../../ui/preferences";
import { RangePicker } from "../../ui/RangePicker";
import { EmptyState, ErrorState, Skeleton, Stale } from "../../ui/State";
import { byWeight, measure, missing, openedOf, percent, scopeOf, sumOf, verdict, type Opened } from "./report";
import css from "./InstrumentationPage.module.css";

const route = getRouteApi("/instrumentation");

/** What the services send about their model calls, and what they leave out. */
export function InstrumentationPage() {
  const search = route.useSearch();
  const navigate = useNavigate({ from: "/instrumentation" });
  const [now, setNow] = useState(Date.now);
  const range = resolveRange(search, now);
  const report = useQuery(readingReportQuery({ ...range, project: search.project }));
  const refresh = () => setNow(Date.now());
  useCommands([
    // In the place of the shell's: here it also moves the end of the range to this moment.
    { id: "reload", title: "Ask the server again", group: "General", keys: ["r"], run: refresh },
  ]);
  return (
    <div className={css.page}>
      <div className={css.inner}>
        <header className={css.head}>
          <div>
            <h1 className={css.title}>Instrumentation</h1>
            <p className={css.about}>What the services send about their model calls, and what they leave out.</p>
          </div>
          <div className={css.tools}>
            <RangePicker
              search={search}
              range={range}
              onChange={(choice) => {
                refresh();
                void navigate({ search: (old) => ({ ...old, ...choice }) });
              }}
            />
            <IconButton label="Ask again" hotkey="r" onPress={refresh}>
              <RotateCw size={14} aria-hidden />
            </IconButton>
          </div>
        </header>
        {report.isPending ? (
          <Skeleton lines={8} label="Loading the report" />
        ) : report.data === undefined ? (
          <ErrorState title="The report could not be made" error={report.error as ApiError} onRetry={() => void report.refetch()} />
        ) : (
          <>
            {report.isError ? <Stale error={report.error as ApiError} onRetry={() => void report.refetch()} /> : null}
            <Report
              report={report.data}
              now={now}
              isOld={report.isPlaceholderData}
              opened={search}
              onOpen={(at) => void navigate({ search: (old) => ({ ...old, service: undefined, scope: undefined, finding: undefined, ...at }), replace: true })}
            />
          </>
        )}
      </div>
    </div>
  );
}

function Report({
  report,
  now,
  isOld,
  opened,
  onOpen,
}: {
  report: ReadingReport;
  now: number;
  /** It is still that of another stretch of time. */
  isOld: boolean;
  opened: Opened;
  onOpen: (at: Opened) => void;
}) {
  const { project } = route.useSearch();
  if (report.rows.length === 0) {
    return (
      <EmptyState title="No instrumentation spoke in this time">
        <p className={css.about}>Choose a longer time, or send traces: the page of the traces shows how.</p>
        <Link to="/traces" search={{ project }}>
          To the traces
        </Link>
      </EmptyState>
    );
  }
  return (
    <div className={css.report} data-old={isOld ? "" : undefined} aria-busy={isOld}>
      <Verdict report={report} />
      <ul className={css.rows} aria-label="Instrumentations, the worst first">
        {report.rows.map((row) => (
          <Row
            key={JSON.stringify([row.service, row.namespace, row.dialect, row.scopeName, row.scopeVersion])}
            row={row}
            now={now}
            opened={opened}
            onOpen={onOpen}
          />
        ))}
      </ul>
      {report.isTruncated ? <p className={css.about}>There are more. These lose most: a shorter time has fewer.</p> : null}
    </div>
  );
}

const toneIcon = { well: CircleCheck, doubt: Info, loss: TriangleAlert };

function Verdict({ report }: { report: ReadingReport }) {
  const { tone, title, text } = verdict(report);
  const Icon = toneIcon[tone];
  return (
    <section className={css.verdict} data-tone={tone} aria-label="Verdict">
      <div className={css.judgement}>
        <Icon className={css.icon} size={22} aria-hidden />
        <div>
          <h2 className={css.verdictTitle}>{title}</h2>
          <p className={css.about}>{text}</p>
        </div>
      </div>
      <Meters of={(get) => sumOf(report.rows, get)} whose="of all services" />
    </section>
  );
}

const meters: readonly { name: string; long: string; get: (row: Instrumentation) => Share }[] = [
  { name: "Input", long: "model calls with what was asked", get: (r) => r.input },
  { name: "Output", long: "answered model calls with the answer", get: (r) => r.output },
  { name: "Model", long: "model calls that name their model", get: (r) => r.model },
  { name: "Tokens", long: "answered model calls with token counts", get: (r) => r.tokens },
  { name: "Cost", long: "counted model calls with a known cost", get: (r) => r.cost },
];

function Meters({ of, whose }: { of: (get: (row: Instrumentation) => Share) => Share; whose: string }) {
  return (
    <div className={css.meters}>
      {meters.map((m) => (
        <Meter key={m.name} name={m.name} long={m.long} share={of(m.get)} whose={whose} />
      ))}
    </div>
  );
}

function Meter({ name, long, share, whose }: { name: string; long: string; share: Share; whose: string }) {
  const kind = measure(share);
  const exact = kind === "none" ? `no ${long.replace(/ (with|that) .*/, "")}` : `${formatCount(share.have)} of ${formatCount(share.of)} ${long}`;
  return (
    <div className={css.meter} data-kind={kind} title={exact}>
      <span className={css.meterName} aria-hidden>
        {name}
      </span>
      <span className={css.meterValue} aria-hidden>
        {percent(share)}
      </span>
      <span
        className={css.track}
        role="meter"
        aria-label={`${name} ${whose}`}
        aria-valuemin={0}
        aria-valuemax={Math.max(share.of, 1)}
        aria-valuenow={share.have}
        aria-valuetext={exact}
      >
        {kind === "none" ? null : <span className={css.fill} style={{ inlineSize: `${(share.have / share.of) * 100}%` }} />}
      </span>
      <span className={css.meterCount} aria-hidden>
        {missing(share)}
      </span>
    </div>
  );
}

function Row({ row, now, opened, onOpen }: { row: Instrumentation; now: number; opened: Opened; onOpen: (at: Opened) => void }) {
  const zone = usePreferences((p) => p.zone);
  const id = useId();
  const ref = useRef<HTMLLIElement>(null);
  const open = openedOf(row, opened);
  const [wasOpen] = useState(open !== undefined);
  // External system: the scroll position. Who was led here by a span sees what it led to.
  useEffect(() => {
    if (wasOpen) ref.current?.scrollIntoView({ block: "nearest" });
  }, [wasOpen]);
  const name = row.service || "no service.name";
  const scope = scopeOf(row.scopeName, row.scopeVersion);
  return (
    <li ref={ref} className={css.row} aria-labelledby={`${id}-name`}>
      <div className={css.who}>
        <h3 id={`${id}-name`} className={css.service} data-missing={row.service ? undefined : ""}>
          {name}
          {row.namespace ? <span className={css.namespace}> {row.namespace}</span> : null}
        </h3>
        <p className={css.instrument}>
          <span className={css.dialect} data-unknown={row.dialect ? undefined : ""}>
            {row.dialect || "no dialect"}
          </span>{" "}
          {row.versions.join(", ")}
        </p>
        {row.scopeName ? <p className={css.scope}>{scope}</p> : null}
        <p className={css.seen}>
          {row.modelCalls > 0 ? `${plural(row.modelCalls, "model call")} in ` : ""}
          {plural(row.spans, "span")}, <span title={formatInstant(row.lastMs, zone)}>last {formatAgo(row.lastMs, now, zone)}</span>
        </p>
      </div>
      {row.modelCalls > 0 ? <Meters of={(get) => get(row)} whose={`of ${name}, ${row.dialect}`} /> : <p className={css.noCalls}>no model calls</p>}
      {row.findings.length > 0 ? (
        <ul className={css.chips} aria-label={`Findings of ${name}`}>
          {byWeight(row.findings).map((f) => (
            <li key={f.code}>
              <Button
                look="plain"
                className={`${css.chip} ${f.isInformation ? css.information : css.problem}`}
                aria-expanded={open === f}
                aria-controls={`${id}-finding`}
                onPress={() => onOpen(open === f ? {} : { service: row.service || undefined, scope, finding: f.code })}
              >
                {f.isInformation ? <Info size={12} aria-hidden /> : <TriangleAlert size={12} aria-hidden />}
                {f.title} <b title={plural(f.spans, "span")}>{formatCount(f.spans)}</b>
              </Button>
            </li>
          ))}
        </ul>
      ) : null}
      <div id={`${id}-finding`} className={css.panel} hidden={open === undefined}>
        {open ? <Explanation finding={open} /> : null}
      </div>
    </li>
  );
}

function Explanation({ finding }: { finding: Finding }) {
  const { project } = route.useSearch();
  const zone = usePreferences((p) => p.zone);
  return (
    <dl className={css.explanation}>
      <Term name="What it means">
        <p>{finding.meaning}</p>
      </Term>
      <Term name="What to do">
        <p>{finding.action}</p>
        {finding.settings.length > 0 ? (
          <ul className={css.settings} aria-label="Settings">
            {finding.settings.map((s) => (
              <li key={s}>
                <code>{s}</code> <Copy text={s} label={`Copy ${s}`} />
              </li>
            ))}
          </ul>
        ) : null}
      </Term>
      <Term name={finding.examples.length === 1 ? "Example" : "Examples"}>
        <ul className={css.examples}>
          {finding.examples.map((e, i) => (
            <li key={e.spanId + e.startMs}>
              <Link to="/traces/$traceId" params={{ traceId: e.traceId }} search={{ project, span: e.spanId }}>
                {finding.examples.length === 1 ? "the span" : i === 0 ? "the first span" : "the latest span"}
              </Link>{" "}
              <span className={css.seen}>{formatInstant(e.startMs, zone)}</span>
            </li>
          ))}
        </ul>
      </Term>
    </dl>
  );
}

function Term({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className={css.term}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
