import { useEffect, useState } from "react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useNavigate, useRouterState, useSearch } from "@tanstack/react-router";
import { Command as CommandIcon, Keyboard, Monitor, Moon, Sun } from "lucide-react";
import { projectsQuery } from "../../api/ingest";
import { signOut, useAccess } from "../../api/session";
import { Button, IconButton, Segmented } from "../../ui/Button";
import { handleKey, useCommands } from "../../ui/commands";
import { Level } from "../../ui/Level";
import { usePreferences, type Theme } from "../../ui/preferences";
import { CommandMenu } from "./CommandMenu";
import { Help } from "./Help";
import { KeyForm } from "./KeyForm";
import css from "./Shell.module.css";

const nextTheme: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };
const themeIcon = { system: Monitor, light: Sun, dark: Moon };

/** How the keyboard at hand writes the keys that open the menu. */
const menuKeys = /Mac|iPhone|iPad/.test(navigator.userAgent) ? "⌘K" : "Ctrl K";

/** The frame of every page: where one is, what can be done, and the keys that do it. */
export function Shell() {
  const navigate = useNavigate();
  const { theme, setTheme, zone, setZone } = usePreferences();
  const [open, setOpen] = useState<"menu" | "help" | null>(null);
  const refusal = useAccess((s) => s.refusal);
  const client = useQueryClient();

  const project = useSearch({ strict: false }).project;
  const leave = async () => {
    await signOut();
    // What was read with the key is forgotten too; a server without keys answers at once again.
    await client.resetQueries();
  };
  const toggleTheme = () => setTheme(nextTheme[theme]);
  const toggleZone = () => setZone(zone === "utc" ? "local" : "utc");
  useCommands([
    { id: "help", title: "Show the keys", group: "General", keys: ["?"], run: () => setOpen("help") },
    { id: "go-traces", title: "Go to traces", group: "General", keys: ["t"], run: () => void navigate({ to: "/traces", search: { project } }) },
    { id: "go-signals", title: "Go to signals", group: "General", keys: ["a"], run: () => void navigate({ to: "/signals", search: { project } }) },
    {
      id: "go-instrumentation",
      title: "Go to instrumentation",
      group: "General",
      keys: ["s"],
      run: () => void navigate({ to: "/instrumentation", search: { project } }),
    },
    { id: "go-ingest", title: "Go to ingest status", group: "General", keys: ["i"], run: () => void navigate({ to: "/ingest", search: { project } }) },
    { id: "theme", title: "Switch theme: system, light, dark", group: "General", keys: ["T"], run: toggleTheme },
    { id: "zone", title: "Switch between local time and UTC", group: "General", keys: ["u"], run: toggleZone },
    { id: "sign-out", title: "End the session of this browser", group: "General", keys: [], run: () => void leave() },
    { id: "reload", title: "Ask the server again", group: "General", keys: ["r"], run: () => void client.invalidateQueries() },
  ]);

  // External system: the keyboard.
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        setOpen((now) => (now === "menu" ? null : "menu"));
      } else {
        handleKey(event);
      }
    };
    globalThis.addEventListener("keydown", onKey);
    return () => globalThis.removeEventListener("keydown", onKey);
  }, []);

  const ThemeIcon = themeIcon[theme];
  return (
    <div className={css.shell}>
      <a className={css.skip} href="#main">
        Skip to the page
      </a>
      <header className={css.bar}>
        <Link to="/traces" search={{ project }} className={css.brand} aria-label="Tiltmeter, to the traces">
          <Level />
          <span className={css.name}>Tiltmeter</span>
        </Link>
        <nav className={css.nav} aria-label="Pages">
          <NavLink to="/traces">Traces</NavLink>
          <NavLink to="/signals">Signals</NavLink>
          <NavLink to="/instrumentation">Instrumentation</NavLink>
          <NavLink to="/ingest">Ingest</NavLink>
        </nav>
        <ProjectPicker />
        <div className={css.tools}>
          <Button look="plain" className={css.command} onPress={() => setOpen("menu")}>
            <CommandIcon size={13} aria-hidden />
            <span className={css.word}>Commands</span>
            <kbd className={css.combo} aria-hidden>
              {menuKeys}
            </kbd>
          </Button>
          {/* On a phone they are among the commands alone. */}
          <span className={css.roomy}>
            <Segmented
              label="Clock"
              value={zone}
              options={[
                { id: "local", label: "Local" },
                { id: "utc", label: "UTC" },
              ]}
              onChange={setZone}
            />
          </span>
          <span className={css.roomy}>
            <IconButton label={`Theme: ${theme}`} hotkey="T" onPress={toggleTheme}>
              <ThemeIcon size={16} aria-hidden />
            </IconButton>
          </span>
          <span className={css.wide}>
            <IconButton label="Keys" hotkey="?" onPress={() => setOpen("help")}>
              <Keyboard size={16} aria-hidden />
            </IconButton>
          </span>
        </div>
      </header>
      <main id="main" className={css.main} tabIndex={-1}>
        {refusal ? <KeyForm /> : <Outlet />}
      </main>
      <CommandMenu isOpen={open === "menu"} onClose={() => setOpen(null)} />
      <Help isOpen={open === "help"} onClose={() => setOpen(null)} />
    </div>
  );
}

function NavLink({ to, children }: { to: "/traces" | "/signals" | "/instrumentation" | "/ingest"; children: string }) {
  const path = useRouterState({ select: (s) => s.location.pathname });
  const project = useSearch({ strict: false }).project;
  const here = path === to || path.startsWith(`${to}/`);
  return (
    <Link to={to} search={{ project }} className={css.link} {...(here ? { "aria-current": "page" as const } : {})}>
      {children}
    </Link>
  );
}

/** Only where there is something to choose. */
function ProjectPicker() {
  const projects = useQuery(projectsQuery());
  const project = useSearch({ strict: false }).project ?? "default";
  const navigate = useNavigate();
  const names = (projects.data ?? []).map((p) => p.name ?? "");
  if (names.length < 2 && (names.length === 0 || names[0] === project)) return null;
  if (!names.includes(project)) names.unshift(project);
  return (
    <select
      className={css.project}
      aria-label="Project"
      value={project}
      onChange={(e) => void navigate({ to: "/traces", search: { project: e.target.value === "default" ? undefined : e.target.value } })}
    >
      {names.map((name) => (
        <option key={name}>{name}</option>
      ))}
    </select>
  );
}
