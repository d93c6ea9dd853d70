import type { ReactNode } from "react";
import { Button as AriaButton, ToggleButton as AriaToggle, ToggleButtonGroup, Tooltip, TooltipTrigger, type ButtonProps } from "react-aria-components";
import { Kbd } from "./Kbd";
import css from "./Button.module.css";

type Look = "plain" | "primary" | "quiet";

export function Button({ look = "plain", className = "", ...props }: ButtonProps & { look?: Look; className?: string }) {
  return <AriaButton {...props} className={`${css.button} ${css[look]} ${className}`} />;
}

/** A button that is only an icon: its name is read aloud and shown in a tooltip, with its key. */
export function IconButton({
  label,
  hotkey,
  children,
  className = "",
  ...props
}: ButtonProps & { label: string; hotkey?: string; children: ReactNode; className?: string }) {
  return (
    <TooltipTrigger delay={400}>
      <AriaButton {...props} aria-label={label} className={`${css.button} ${css.quiet} ${css.icon} ${className}`}>
        {children}
      </AriaButton>
      <Tooltip className={css.tooltip} offset={6}>
        {label} {hotkey ? <Kbd>{hotkey}</Kbd> : null}
      </Tooltip>
    </TooltipTrigger>
  );
}

/** One of a few, all of them seen. */
export function Segmented<T extends string>({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: T;
  options: readonly { id: T; label: ReactNode; name?: string }[];
  onChange: (id: T) => void;
}) {
  return (
    <ToggleButtonGroup
      aria-label={label}
      className={css.segmented!}
      selectionMode="single"
      disallowEmptySelection
      selectedKeys={[value]}
      onSelectionChange={(keys) => {
        const [key] = keys;
        if (key !== undefined) onChange(key as T);
      }}
    >
      {options.map((o) => (
        <AriaToggle key={o.id} id={o.id} className={css.segment!} {...(o.name ? { "aria-label": o.name } : {})}>
          {o.label}
        </AriaToggle>
      ))}
    </ToggleButtonGroup>
  );
}
