/** Who may import whom. Arrows point down: routes, features, ui and api, lib. */
module.exports = {
  forbidden: [
    { name: "no-circles", severity: "error", comment: "A circle has no bottom to start reading from.", from: {}, to: { circular: true } },
    {
      name: "features-only-by-index",
      severity: "error",
      comment: "Another feature is what its index.ts says, nothing else.",
      from: { path: "^src/features/([^/]+)/" },
      to: { path: "^src/features/([^/]+)/", pathNot: ["^src/features/$1/", "^src/features/[^/]+/index\\.ts$"] },
    },
    {
      name: "routes-only-by-index",
      severity: "error",
      comment: "A route names a feature, not a part of it.",
      from: { path: "^src/routes/" },
      to: { path: "^src/features/", pathNot: "/index\\.ts$" },
    },
    {
      name: "nobody-imports-routes",
      severity: "error",
      comment: "Features read the address through the router.",
      from: { path: "^src/", pathNot: "^src/(main\\.tsx|routes/)" },
      to: { path: "^src/routes/" },
    },
    {
      name: "ui-knows-lib-only",
      severity: "error",
      comment: "Primitives know no feature and no server.",
      from: { path: "^src/ui/" },
      to: { path: "^src/", pathNot: "^src/(ui|lib)/" },
    },
    {
      name: "api-knows-lib-only",
      severity: "error",
      comment: "The edge knows no view.",
      from: { path: "^src/api/" },
      to: { path: "^src/", pathNot: "^src/(api|lib)/" },
    },
    {
      name: "lib-knows-nothing",
      severity: "error",
      comment: "Pure functions, no React.",
      from: { path: "^src/lib/", pathNot: "\\.test\\.ts$" },
      to: { pathNot: "^src/lib/" },
    },
    {
      name: "layout-is-pure",
      severity: "error",
      comment: "Layout is tested without a browser.",
      from: { path: "/layout/" },
      to: { path: "node_modules/react|\\.tsx$|\\.css$", pathNot: "\\.test\\.ts$" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.app.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "types"] },
  },
};
