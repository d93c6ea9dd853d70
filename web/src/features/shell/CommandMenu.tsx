import { useEffect, useRef, useState } from "react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { offered, useCommandRegistry, type Command } from "../../ui/commands";
import { Dialog } from "../../ui/Dialog";
import { Kbd } from "../../ui/Kbd";
import css from "./CommandMenu.module.css";

const traceId = /^[0-9a-f]{32}$/i;

/** Everything that can be done here, found by its name. A trace id opens its trace. */
export function CommandMenu({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  return (
    <Dialog title="Commands" isOpen={isOpen} onClose={onClose} bare>
      <Menu onClose={onClose} />
    </Dialog>
  );
}

function Menu({ onClose }: { onClose: () => void }) {
  const navigate = useNavigate();
  const project = useSearch({ strict: false }).project;
  const commands = offered(useCommandRegistry((s) => s.commands));
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  // External system: the scroll position follows the arrow keys.
  useEffect(() => {
    list.current?.children[at]?.scrollIntoView({ block: "nearest" });
  }, [at]);

  const words = text.trim().toLowerCase().split(/\s+/);
  const found: Command[] = commands.filter((c) => words.every((w) => `${c.group} ${c.title}`.toLowerCase().includes(w)));
  const id = text.trim().toLowerCase();
  if (traceId.test(id)) {
    found.unshift({
      id: "open",
      title: `Open trace ${id}`,
      group: "Trace",
      keys: [],
      run: () => void navigate({ to: "/traces/$traceId", params: { traceId: id }, search: { project } }),
    });
  }
  const run = (command: Command | undefined) => {
    if (!command) return;
    onClose();
    command.run();
  };
  const onKey = (event: React.KeyboardEvent) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setAt((now) => (now + (event.key === "ArrowDown" ? 1 : found.length - 1)) % Math.max(found.length, 1));
    } else if (event.key === "Enter") {
      event.preventDefault();
      run(found[at]);
    }
  };
  return (
    <div className={css.menu}>
      <input
        className={css.input}
        // The menu was opened to type into it.
        // oxlint-disable-next-line jsx-a11y/no-autofocus
        autoFocus
        role="combobox"
        aria-label="Command or trace id"
        aria-expanded
        aria-controls="commands"
        aria-activedescendant={found[at] ? `command-${found[at].id}` : undefined}
        placeholder="What to do, or a trace id"
        value={text}
        onChange={(e) => {
          setText(e.target.value);
          setAt(0);
        }}
        onKeyDown={onKey}
      />
      <ul ref={list} className={css.list} id="commands" role="listbox" aria-label="Commands">
        {found.map((c, i) => (
          <li
            key={c.id}
            id={`command-${c.id}`}
            role="option"
            aria-selected={i === at}
            className={css.item}
            onPointerMove={() => setAt(i)}
            onClick={() => run(c)}
            onKeyDown={onKey}
          >
            <span className={css.group}>{c.group}</span>
            <span>{c.title}</span>
            <span>{c.keys[0] ? <Kbd>{c.keys[0]}</Kbd> : null}</span>
          </li>
        ))}
      </ul>
      {found.length === 0 ? <p className={css.none}>Nothing is called that.</p> : null}
    </div>
  );
}
