import { useState, type FormEvent } from "react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { signIn, useAccess } from "../../api/session";
import { Button } from "../../ui/Button";
import css from "./KeyForm.module.css";

/** Asks for the key that the server wants, in the place of the page, and trades it for a session. */
export function KeyForm() {
  const [key, setKey] = useState("");
  const client = useQueryClient();
  const login = useMutation({
    mutationFn: signIn,
    onSuccess: () => {
      useAccess.getState().allow();
      void client.resetQueries();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    login.mutate(key.trim());
  };
  return (
    <form className={css.form} onSubmit={submit}>
      <h1 className={css.title}>This server asks for a key</h1>
      <label className={css.field}>
        Key with the scope “read”
        <input className={css.input} type="password" autoComplete="current-password" value={key} onChange={(e) => setKey(e.target.value)} required />
      </label>
      <p className={css.bad} role="alert">
        {login.error?.message}
      </p>
      <Button type="submit" look="primary" isDisabled={login.isPending}>
        Open
      </Button>
      <p className={css.text}>
        Whoever runs the server makes one with <code>tiltmeter keys create --scope read</code>. This browser keeps a session, not the key.
      </p>
    </form>
  );
}
