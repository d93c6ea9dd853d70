import type { ComponentType } from "react";
import { useMutation } from "@tanstack/react-query";
import { lazyRouteComponent } from "@tanstack/react-router";
import { expectServer } from "../api/client";
import { ErrorState } from "../ui/State";

/**
 * A page in files of its own, fetched when it is gone to. Where they do not come, the page says so in
 * its place: the router would load the whole app anew, which ends on the browser's own error page while
 * the server is down.
 */
export function lazyPage<Name extends string>(load: () => Promise<Record<Name, ComponentType>>, name: Name) {
  const loadOrSay = () => load().catch((): Record<string, ComponentType> => ({ [name]: NotLoaded }));
  return lazyRouteComponent(loadOrSay, name);
}

/** A file that did not come is not asked for again by the browser: only a page loaded anew gets all of them, but not before the server answers. */
async function loadAnew(): Promise<void> {
  await expectServer();
  globalThis.location.reload();
}

const missing = { message: "Its files did not come: the server does not answer, or it was updated since this page was opened." };

function NotLoaded() {
  const again = useMutation({ mutationFn: loadAnew });
  return <ErrorState isPage title="This page could not be loaded" error={again.error ?? missing} onRetry={() => again.mutate()} />;
}
