export { IngestPage } from "./IngestPage";
