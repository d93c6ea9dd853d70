/** No colour outside of tokens.css: themes are made of tokens. */
export default {
  extends: ["stylelint-config-standard"],
  rules: {
    "color-no-hex": true,
    "color-named": ["never", { ignore: ["inside-function"] }],
    "function-disallowed-list": ["rgb", "rgba", "hsl", "hsla", "oklch", "lab", "lch", "light-dark"],
    "selector-class-pattern": "^[a-z][a-zA-Z0-9]*$",
    "keyframes-name-pattern": "^[a-z][a-zA-Z0-9]*$",
    "no-descending-specificity": null,
    "value-keyword-case": ["lower", { camelCaseSvgKeywords: true }],
  },
  overrides: [{ files: ["src/styles/tokens.css"], rules: { "color-no-hex": null, "function-disallowed-list": null } }],
};
