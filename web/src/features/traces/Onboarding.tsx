import { useState } from "react";
import { useQuery } from "@tanstack/react-query";
import type { ApiError } from "../../api/error";
import { ingestStatusQuery, storageStatusQuery } from "../../api/ingest";
import type { Receiver } from "../../api/types";
import { parseCount, plural } from "../../lib/format";
import { presets, type PresetId, type TimeRange } from "../../lib/time";
import { Button, Segmented } from "../../ui/Button";
import { EmptyState, ErrorState, Skeleton } from "../../ui/State";
import { Copy } from "../../ui/Copy";
import { demoCommand, endpointsOf, exporterSettings, keyCommand, keyPlaceholder, type Endpoint } from "./receivers";
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
  if (storage.data && stored === 0) return <Onboarding project={project} />;
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

/** What stands where traces will be: how to send the first one, to where this server listens. */
function Onboarding({ project }: { project: string | undefined }) {
  const status = useQuery({ ...ingestStatusQuery(project), refetchInterval: false });
  return (
    <div className={css.wrap}>
      <div className={css.text}>
        <h2 className={css.title}>The level is at rest: no traces here yet</h2>
        <p>
          Tiltmeter listens for OpenTelemetry. Point any OTLP exporter at it, with whatever instruments your agents today, and the first trace appears within a
          second. Turn on <b>Live</b> to watch it arrive.
        </p>
      </div>
      {status.isPending ? (
        <Skeleton lines={8} label="Asking where the server listens" />
      ) : status.data === undefined ? (
        <ErrorState title="The server did not say where it listens" error={status.error as ApiError} onRetry={() => void status.refetch()} />
      ) : (
        <HowToSend receivers={status.data.receivers ?? []} isKeyRequired={status.data.keyRequired ?? false} project={project} />
      )}
    </div>
  );
}

function HowToSend({ receivers, isKeyRequired, project }: { receivers: readonly Receiver[]; isKeyRequired: boolean; project: string | undefined }) {
  const endpoints = endpointsOf(receivers, globalThis.location.hostname);
  const [chosen, setChosen] = useState(endpoints[0]?.protocol ?? "");
  const endpoint = endpoints.find((e) => e.protocol === chosen) ?? endpoints[0];
  if (!endpoint)
    return <p className={css.note}>This process only answers questions: it takes no OTLP. Whoever runs it knows the address of the one that does.</p>;
  const settings = exporterSettings(endpoint, isKeyRequired);
  const demo = demoCommand(endpoints, isKeyRequired);
  return (
    <div className={css.card}>
      {isKeyRequired ? (
        <div className={css.step}>
          <p>
            This server wants a key with what it is sent. Make one on its machine, and put it in the place of <code>{keyPlaceholder}</code>:
          </p>
          <Line text={keyCommand(project)} label="Copy the command that makes a key" />
        </div>
      ) : null}
      <div className={css.step}>
        <div className={css.choice}>
          <p>Set this where your agents run, and start them:</p>
          {endpoints.length > 1 ? (
            <Segmented label="Protocol" value={endpoint.protocol} options={endpoints.map((e) => ({ id: e.protocol, label: nameOf(e) }))} onChange={setChosen} />
          ) : null}
        </div>
        <Line text={settings} label="Copy the settings" />
        {endpoint.isLocal ? (
          <p className={css.note}>
            The server listens for itself alone: only programs on its own machine reach {endpoint.address}. Others do when it is started with{" "}
            <code>
              {endpoint.protocol === "grpc" ? "--otlp-grpc-addr" : "--otlp-http-addr"} 0.0.0.0:{endpoint.address.split(":").at(-1)}
            </code>
            .
          </p>
        ) : null}
      </div>
      {demo ? (
        <div className={css.step}>
          <p>Nothing to send? This plays the agents of an invented company:</p>
          <Line text={demo} label="Copy the demo command" />
        </div>
      ) : null}
    </div>
  );
}

const nameOf = (e: Endpoint) => (e.protocol === "grpc" ? "gRPC" : "HTTP");

/** Lines for a shell, to be copied. */
function Line({ text, label }: { text: string; label: string }) {
  return (
    <div className={css.env}>
      {/* It scrolls sideways, so the keyboard must reach it. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre tabIndex={0}>{text}</pre>
      <Copy text={text} label={label} />
    </div>
  );
}
