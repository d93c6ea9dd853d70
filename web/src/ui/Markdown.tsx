import { Fragment, type ReactNode } from "react";
import { parseMarkdown, type Block, type Inline } from "../lib/markdown";
import css from "./Markdown.module.css";

/** Text that a model or a stranger wrote. No HTML, no image is loaded, every link shows where it leads. */
export function Markdown({ text }: { text: string }) {
  return (
    <div className={css.prose}>
      {parseMarkdown(text).map((b, i) => (
        <BlockView key={i} block={b} />
      ))}
    </div>
  );
}

function BlockView({ block }: { block: Block }): ReactNode {
  switch (block.type) {
    case "heading":
      // Not a heading of this page: a person who jumps by headings looks for ours.
      return (
        <p className={css.heading} data-level={Math.min(block.level, 4)}>
          <Inlines nodes={block.children} />
        </p>
      );
    case "paragraph":
      return (
        <p>
          <Inlines nodes={block.children} />
        </p>
      );
    case "code":
      return (
        // It scrolls sideways, so the keyboard must reach it.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <pre className={css.code} tabIndex={0} data-language={block.language || undefined}>
          <code>{block.text}</code>
        </pre>
      );
    case "quote":
      return (
        <blockquote className={css.quote}>
          {block.children.map((b, i) => (
            <BlockView key={i} block={b} />
          ))}
        </blockquote>
      );
    case "list": {
      const items = block.items.map((item, i) => (
        <li key={i}>
          {item.map((b, k) => (
            <BlockView key={k} block={b} />
          ))}
        </li>
      ));
      return block.ordered ? <ol start={block.start}>{items}</ol> : <ul>{items}</ul>;
    }
    case "table":
      return (
        <div className={css.table}>
          <table>
            <thead>
              <tr>
                {block.head.map((cell, i) => (
                  <th key={i}>
                    <Inlines nodes={cell} />
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {block.rows.map((row, i) => (
                <tr key={i}>
                  {row.map((cell, k) => (
                    <td key={k}>
                      <Inlines nodes={cell} />
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      );
    case "rule":
      return <hr className={css.rule} />;
  }
}

function Inlines({ nodes }: { nodes: readonly Inline[] }): ReactNode {
  return nodes.map((node, i) => <Fragment key={i}>{inline(node)}</Fragment>);
}

function inline(node: Inline): ReactNode {
  switch (node.type) {
    case "text":
      return node.text;
    case "code":
      return <code className={css.inlineCode}>{node.text}</code>;
    case "strong":
      return (
        <strong>
          <Inlines nodes={node.children} />
        </strong>
      );
    case "em":
      return (
        <em>
          <Inlines nodes={node.children} />
        </em>
      );
    case "del":
      return (
        <del>
          <Inlines nodes={node.children} />
        </del>
      );
    case "link": {
      const said = node.children.map((c) => ("text" in c ? c.text : "")).join("");
      return (
        <a href={node.href} target="_blank" rel="noopener noreferrer nofollow" className={css.link}>
          <Inlines nodes={node.children} />
          {said === node.href ? null : <span className={css.target}> ({node.href})</span>}
        </a>
      );
    }
    case "image":
      return (
        <span className={css.image}>
          [image{node.alt ? `: ${node.alt}` : ""}, not loaded] <code>{node.src}</code>
        </span>
      );
    case "break":
      return <br />;
  }
}
