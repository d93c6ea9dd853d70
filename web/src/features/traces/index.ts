export { TracesPage } from "./TracesPage";
export { useListSearch } from "./store";
