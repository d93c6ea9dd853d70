export { SignalsPage } from "./SignalsPage";
