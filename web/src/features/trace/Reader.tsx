import { useQuery } from "@tanstack/react-query";
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components";
import type { ApiError } from "../../api/error";
import { spanQuery } from "../../api/traces";
import type { SpanNode, WireSpan } from "../../api/types";
import { ErrorState, Skeleton, Stale } from "../../ui/State";
import { Conversation } from "./Conversation";
import { CostBasis } from "./CostBasis";
import { KindIcon, kindNames } from "./kind";
import { kindOf, type SpanTree } from "./layout/tree";
import { Attributes, EmbeddingTab, Events, Facts, hasMessages, Judgement, Messages, Raw, RetrievalTab, ToolTab } from "./SpanDetail";
import { Reading } from "./Reading";
import { SignalsTab } from "./SignalsTab";
import css from "./Reader.module.css";

export type ReaderTab = "conversation" | "messages" | "attributes" | "events" | "tool" | "retrieval" | "signals" | "reading" | "raw";

interface Props {
  traceId: string;
  project: string | undefined;
  tree: SpanTree;
  /** The page says already that it could not be brought up to date. */
  isStale: boolean;
  /** The selected span; without one the conversation of the trace is read. */
  spanId: string | undefined;
  tab: ReaderTab | undefined;
  /** A model call of the conversation that is read. */
  thread: string | undefined;
  onTab: (tab: ReaderTab) => void;
  onThread: (spanId: string) => void;
  onSelect: (spanId: string) => void;
}

/** The tabs that have something to show for a span; of one that is not here yet, those of its kind and the one asked for. */
function tabsOf(span: WireSpan | undefined, node: SpanNode | undefined, asked: ReaderTab | undefined): ReaderTab[] {
  if (!node) return ["conversation"];
  if (!span) {
    const tabs = tabsOf({ operation: node.operation ?? "" }, node, undefined);
    return asked && !tabs.includes(asked) ? [...tabs, asked] : tabs;
  }
  const kind = kindOf(span.operation);
  const tabs: ReaderTab[] = ["conversation"];
  if (hasMessages(span) || kind === "model") tabs.push("messages");
  if (kind === "tool" || span.tool?.name) tabs.push("tool");
  if (kind === "retrieval" || span.retrieval?.documents?.length || kind === "embedding") tabs.push("retrieval");
  if (kind === "model" || hasMessages(span)) tabs.push("signals");
  tabs.push("attributes");
  if (span.events?.length) tabs.push("events");
  tabs.push("reading", "raw");
  return tabs;
}

/** What a span is looked at for first. */
function firstTab(tabs: readonly ReaderTab[]): ReaderTab {
  return tabs[1] ?? "conversation";
}

const names: Record<ReaderTab, string> = {
  conversation: "Conversation",
  messages: "Messages",
  attributes: "Attributes",
  events: "Events",
  tool: "Tool",
  retrieval: "Retrieval",
  signals: "Signals",
  reading: "Reading",
  raw: "Raw",
};

export function Reader({ traceId, project, tree, isStale, spanId, tab, thread, onTab, onThread, onSelect }: Props) {
  const row = spanId === undefined ? undefined : tree.rowOf.get(spanId);
  const node = row === undefined ? undefined : tree.spans[row];
  const full = useQuery({ ...spanQuery(traceId, spanId ?? "", project), enabled: node !== undefined });
  const span = full.data;
  const tabs = tabsOf(span, node, tab);
  const current = tab && tabs.includes(tab) ? tab : firstTab(tabs);
  const isEmbedding = kindOf(node?.operation) === "embedding";

  const body = (shown: ReaderTab) => {
    if (shown === "conversation")
      return <Conversation traceId={traceId} project={project} tree={tree} isStale={isStale} thread={thread} onThread={onThread} onSelect={onSelect} />;
    if (!node) return null;
    if (shown === "raw") return <Raw traceId={traceId} spanId={spanId!} project={project} isStale={isStale || full.isError} />;
    if (shown === "reading") return <Reading traceId={traceId} spanId={spanId!} project={project} isStale={isStale || full.isError} />;
    if (full.isPending) return <Skeleton lines={10} label="Loading the span" />;
    if (span === undefined) return <ErrorState title="The span could not be read" error={full.error as ApiError} onRetry={() => void full.refetch()} />;
    switch (shown) {
      case "messages":
        return <Messages span={span} tree={tree} onSelect={onSelect} />;
      case "signals":
        return <SignalsTab span={span} tree={tree} project={project} />;
      case "tool":
        return <ToolTab span={span} />;
      case "retrieval":
        return isEmbedding ? <EmbeddingTab span={span} /> : <RetrievalTab span={span} />;
      case "events":
        return <Events span={span} />;
      case "attributes":
        return <Attributes span={span} />;
    }
  };
  return (
    <div className={css.reader}>
      {full.isError && span && !isStale && current !== "conversation" ? <Stale error={full.error} onRetry={() => void full.refetch()} /> : null}
      {node && current !== "conversation" ? (
        // On a low window it scrolls.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <div className={css.about} tabIndex={0}>
          <h2 className={css.title}>
            <KindIcon kind={kindOf(node.operation)} size={16} />
            <span className={css.name}>{node.name}</span>
            <span className={css.kind}>{kindNames[kindOf(node.operation)]}</span>
          </h2>
          {span ? (
            <>
              <Judgement span={span} />
              <Facts span={span} />
              <CostBasis cost={span.cost} />
            </>
          ) : null}
        </div>
      ) : null}
      <Tabs className={css.tabs!} selectedKey={current} onSelectionChange={(key) => onTab(key as ReaderTab)} keyboardActivation="manual">
        <TabList className={css.list!} aria-label="What to read">
          {tabs.map((t) => (
            <Tab key={t} id={t} className={css.tab!}>
              {t === "retrieval" && isEmbedding ? "Embedding" : names[t]}
            </Tab>
          ))}
        </TabList>
        {tabs.map((t) => (
          <TabPanel key={t} id={t} className={css.panel!}>
            {/* It scrolls, so the keyboard must reach it, and a click must bring the focus here. */}
            {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
            <div className={css.scroll} tabIndex={0}>
              {body(t)}
            </div>
          </TabPanel>
        ))}
      </Tabs>
    </div>
  );
}
