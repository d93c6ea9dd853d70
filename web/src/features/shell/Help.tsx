import { offered, useCommandRegistry } from "../../ui/commands";
import { Dialog } from "../../ui/Dialog";
import { Kbd } from "../../ui/Kbd";
import css from "./Help.module.css";

/** The keys that work here, as the views registered them. */
export function Help({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const commands = offered(useCommandRegistry((s) => s.commands));
  const groups = Map.groupBy(
    commands.filter((c) => c.keys.length > 0),
    (c) => c.group,
  );
  return (
    <Dialog title="Keys" isOpen={isOpen} onClose={onClose}>
      <div className={css.groups}>
        {[...groups].map(([group, list]) => (
          <section key={group}>
            <h3 className={css.group}>{group}</h3>
            <dl className={css.list}>
              {list.map((c) => (
                <div key={c.id} className={css.row}>
                  <dt>{c.title}</dt>
                  <dd className={css.keys}>
                    {c.keys.map((key) => (
                      <Kbd key={key}>{key}</Kbd>
                    ))}
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
