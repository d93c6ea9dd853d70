// Runs before the first paint, so that a chosen theme does not flash. The key is the one of src/ui/preferences.ts.
try {
  const theme = localStorage.getItem("tiltmeter.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be forbidden; the system's preference then decides.
}
