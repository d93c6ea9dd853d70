export { InstrumentationPage } from "./InstrumentationPage";
