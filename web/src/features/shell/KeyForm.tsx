import { useState, type FormEvent } from "react";
import { useQueryClient } from "@tanstack/react-query";
import { useAccess, useApiKey } from "../../api/key";
import { Button } from "../../ui/Button";
import css from "./KeyForm.module.css";

/** Asks for the key that the server wants, in the place of the page. */
export function KeyForm({ refusal }: { refusal: string }) {
  const [key, setKey] = useState("");
  const [remember, setRemember] = useState(false);
  const client = useQueryClient();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    useApiKey.getState().set(key.trim(), remember);
    useAccess.getState().allow();
    void client.resetQueries();
  };
  return (
    <form className={css.form} onSubmit={submit}>
      <h1 className={css.title}>This server asks for a key</h1>
      <p className={css.text}>{refusal}</p>
      <label className={css.field}>
        Key with the scope “read”
        <input className={css.input} type="password" autoComplete="current-password" value={key} onChange={(e) => setKey(e.target.value)} required />
      </label>
      <label className={css.check}>
        <input type="checkbox" checked={remember} onChange={(e) => setRemember(e.target.checked)} /> Remember it in this browser
      </label>
      <Button type="submit" look="primary">
        Open
      </Button>
      <p className={css.text}>
        Whoever runs the server makes one with <code>tiltmeter keys</code>.
      </p>
    </form>
  );
}
