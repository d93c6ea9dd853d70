import { Button } from "../../ui/Button";
import { Copy } from "../../ui/Copy";
import css from "./Onboarding.module.css";

/** What stands where traces will be: how to send the first one. */
export function Onboarding({ onWiden }: { onWiden: (() => void) | undefined }) {
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
        {onWiden ? (
          <p>
            <Button onPress={onWiden}>Look at the last 30 days</Button>
          </p>
        ) : null}
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
          {/* It scrolls sideways, so the keyboard must reach it. */}
          {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
          <pre tabIndex={0}>{env}</pre>
        </div>
        <p className={css.note}>
          Nothing to send? <code>tiltmeter demo</code> plays the agents of an invented company. These ports are the default ones; whoever started the server may
          have chosen others.
        </p>
      </div>
    </div>
  );
}
