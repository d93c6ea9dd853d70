import { useQuery } from "@tanstack/react-query";
import { storageStatusQuery } from "../../api/ingest";
import { parseCount, plural } from "../../lib/format";
import { presets, type PresetId, type TimeRange } from "../../lib/time";
import { Button } from "../../ui/Button";
import { EmptyState, Skeleton } from "../../ui/State";
import { Copy } from "../../ui/Copy";
import { useTracesView } from "./store";
import css from "./Onboarding.module.css";

interface Props {
  project: string | undefined;
  range: TimeRange;
  onRange: (range: PresetId) => void;
}

/** A stretch of time without traces: there are others elsewhere, or there never was one. */
export function Nothing({ project, range, onRange }: Props) {
  const now = useTracesView((s) => s.now);
  const storage = useQuery({ ...storageStatusQuery(project), refetchInterval: false });
  if (storage.isPending) return <Skeleton lines={6} label="Looking for other traces" />;
  const stored = parseCount(storage.data?.traces) ?? 0;
  if (storage.data && stored === 0) return <Onboarding />;
  // A preset ends now: one that would not show more than this range does is no help.
  const wider = presets.filter((p) => p.ms > range.toMs - range.fromMs || now - p.ms < range.fromMs).slice(0, 3);
  return (
    <EmptyState title="No traces in this range">
      <p>
        {stored > 0 ? `${plural(stored, "trace")} of this project ${stored === 1 ? "lies" : "lie"} outside of it.` : "There may be some outside of it."}
        {wider.length === 0 ? " Choose an earlier stretch of time above." : ""}
      </p>
      <p className={css.wider}>
        {wider.map((p) => (
          <Button key={p.id} onPress={() => onRange(p.id)}>
            {p.label}
          </Button>
        ))}
      </p>
    </EmptyState>
  );
}

/** What stands where traces will be: how to send the first one. */
function Onboarding() {
  const host = globalThis.location.hostname || "127.0.0.1";
  const env = `export OTEL_EXPORTER_OTLP_ENDPOINT=http://${host}:4318\nexport OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\nexport OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true`;
  return (
    <div className={css.wrap}>
      <div className={css.text}>
        <h2 className={css.title}>The level is at rest: no traces here yet</h2>
        <p>
          Tiltmeter listens for OpenTelemetry. Point any OTLP exporter at it, with whatever instruments your agents today, and the first trace appears within a
          second. Turn on <b>Live</b> to watch it arrive.
        </p>
      </div>
      <div className={css.card}>
        <dl className={css.ends}>
          <div>
            <dt>OTLP/HTTP</dt>
            <dd>
              <code>http://{host}:4318</code>
              <Copy text={`http://${host}:4318`} label="Copy the HTTP endpoint" />
            </dd>
          </div>
          <div>
            <dt>OTLP/gRPC</dt>
            <dd>
              <code>{host}:4317</code>
              <Copy text={`${host}:4317`} label="Copy the gRPC endpoint" />
            </dd>
          </div>
        </dl>
        <div className={css.env}>
          <Copy text={env} label="Copy the settings" />
          <pre>{env}</pre>
        </div>
        <p className={css.note}>
          Nothing to send? <code>tiltmeter demo</code> plays the agents of an invented company. These ports are the default ones; whoever started the server may
          have chosen others.
        </p>
      </div>
    </div>
  );
}
