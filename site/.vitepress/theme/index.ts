import type { Theme } from 'vitepress';
// The default theme with the fonts of the reader's own system.
import base from 'vitepress/theme-without-fonts';
import { Diagram } from '../diagram.ts';
import './style.css';

export default { extends: base, enhanceApp: ({ app }) => void app.component('Diagram', Diagram) } satisfies Theme;
