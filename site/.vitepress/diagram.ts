import { useData, withBase } from 'vitepress';
import { defineComponent, h, onMounted, ref, watch } from 'vue';

/** The renderer that `run.js` puts beside the pages. It is one file without dependencies, and only a page with a diagram loads it. */
interface Mermaid {
  initialize(options: object): void;
  render(id: string, source: string): Promise<{ readonly svg: string }>;
}

const light = { background: '#ffffff', surface: '#f6f6f7', edge: '#67676c', text: '#3c3c43', group: '#fbfbfc' };
const dark = { background: '#1b1b1f', surface: '#2a2a31', edge: '#a0a0ab', text: '#dfdfd6', group: '#202127' };

function options(isDark: boolean): object {
  const { background, surface, edge, text, group } = isDark ? dark : light;
  return {
    startOnLoad: false,
    securityLevel: 'strict',
    theme: 'base',
    fontFamily: 'system-ui, sans-serif',
    sequence: { mirrorActors: false, actorMargin: 8, width: 96, height: 40, boxMargin: 6 },
    themeVariables: {
      darkMode: isDark,
      fontSize: '14px',
      background,
      primaryColor: surface,
      primaryTextColor: text,
      primaryBorderColor: edge,
      lineColor: edge,
      textColor: text,
      clusterBkg: group,
      clusterBorder: edge,
      edgeLabelBackground: background,
      labelBackgroundColor: background,
      noteBkgColor: group,
      noteTextColor: text,
      noteBorderColor: edge,
    },
  };
}

let loaded: Promise<Mermaid> | undefined;

function load(): Promise<Mermaid> {
  loaded ??= new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = withBase('/mermaid.js');
    script.onload = () => resolve((globalThis as unknown as { mermaid: Mermaid }).mermaid);
    script.onerror = () => reject(new Error(`${script.src} cannot be loaded`));
    document.head.append(script);
  });
  return loaded;
}

let count = 0;

const widthOf = (svg: string): string => /viewBox="\S+ \S+ (\S+) /.exec(svg)?.[1] ?? '0';

/** A diagram in the colours of the page. Until it is drawn, and without JavaScript, its source is there to read. */
export const Diagram = defineComponent({
  props: { source: { type: String, required: true } },
  setup(props) {
    const { isDark } = useData();
    const source = decodeURIComponent(props.source);
    const svg = ref('');
    async function draw(): Promise<void> {
      const mermaid = await load();
      mermaid.initialize(options(isDark.value));
      svg.value = (await mermaid.render(`diagram-${++count}`, source)).svg;
    }
    onMounted(() => {
      watch(isDark, draw, { immediate: true });
    });
    return () =>
      svg.value === ''
        ? h('pre', { class: 'diagram-source' }, source)
        : h('div', { class: 'diagram', tabindex: 0, style: `--width: ${widthOf(svg.value)}px`, innerHTML: svg.value });
  },
});
