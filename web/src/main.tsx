// First, so that a view may say otherwise than the base.
import "./styles/tokens.css";
import "./styles/base.css";
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ApiError } from "./api/error";
import { useAccess } from "./api/session";
import { router } from "./routes/router";

/** A server that restarts its engine is back within seconds; more tries only delay the message. */
const maxRetries = 2;

const onError = (error: Error) => {
  if (error instanceof ApiError && error.isUnauthorized) useAccess.getState().deny(error.message);
};

const queries = new QueryClient({
  queryCache: new QueryCache({ onError }),
  mutationCache: new MutationCache({ onError }),
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      refetchOnWindowFocus: false,
      retry: (count, error) => count < maxRetries && error instanceof ApiError && error.isTransient,
    },
  },
});

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
