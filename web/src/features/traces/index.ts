export { TracesPage } from "./TracesPage";
