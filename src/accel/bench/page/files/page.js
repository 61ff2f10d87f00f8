"use strict";
(() => {
  const CONFIG = {
    displaylogo: false,
    responsive: true,
    modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
  };
  const PRINT_WIDTH = 680;
  const NARROW = 560;
  const LEGEND_ROW = 21;
  const LETTER = 5.2;
  const SECOND_LINE = 12;
  const SECONDS_PER_HOUR = 3600;
  const NBSP = "\u00a0";

  // Three digits that count, and an SI prefix: as the tables have them.
  function digits(value) {
    return value.toLocaleString("en", { minimumSignificantDigits: 3, maximumSignificantDigits: 3 });
  }

  function si(value) {
    const prefixes = [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""]];
    const [scale, prefix] = prefixes.find(([least]) => value >= least * 0.9995) || [1, ""];
    return (digits(value / scale) + NBSP + prefix).trim();
  }

  function legendRows(figure, width) {
    const shown = figure.data.filter((trace) => trace.showlegend !== false && trace.name);
    const longest = Math.max(0, ...shown.map((trace) => trace.name.length));
    const columns = Math.max(1, Math.floor(width / (60 + 7.2 * longest)));
    return Math.ceil(shown.length / columns);
  }

  // Smaller letters; where a row's label is wider than the plot all labels get a second line, and the plot the room.
  function makeNarrow(figure, width) {
    const labels = figure.layout.annotations || [];
    const split = labels.some((label) => label.text.length * LETTER > width);
    figure.layout.font.size = 11;
    for (const label of labels) {
      label.font = { size: 10 };
      if (split) Object.assign(label, { text: label.text.replace("</b>  ", "</b><br>"), yshift: label.yshift + 6, align: "left" });
    }
    if (split) figure.layout.height += SECOND_LINE * labels.length;
  }

  // A plot keeps its height for the data: the legend's rows, more of them on a phone, come on top.
  function draw(plot) {
    const figure = JSON.parse(document.getElementById(plot.id + "-figure").textContent);
    figure.layout.height += LEGEND_ROW * legendRows(figure, plot.clientWidth);
    const narrow = plot.clientWidth < NARROW;
    if (narrow) makeNarrow(figure, plot.clientWidth);
    plot.style.minHeight = figure.layout.height + "px";
    return Plotly.newPlot(plot, figure.data, figure.layout, { ...CONFIG, displayModeBar: narrow ? false : "hover" });
  }

  function showPrice() {
    const price = Number(document.getElementById("price-per-core-hour").value);
    const currency = document.getElementById("currency").value.trim();
    const known = Number.isFinite(price) && price > 0;
    const [unit, cost] = document.querySelectorAll("#costs thead .currency");
    unit.textContent = currency || "of your currency";
    cost.textContent = currency || "cost";
    const figures = [];
    for (const row of document.querySelectorAll("#costs tbody tr")) {
      const items = Number(row.dataset.itemsPerCoreSecond);
      const forOne = (items * SECONDS_PER_HOUR) / price;
      figures.push(known ? forOne : items);
      row.querySelector(".per-unit").textContent = known ? si(forOne) : "–";
      row.querySelector(".per-billion").textContent = known ? digits(1e9 / forOne) : "–";
    }
    const plot = document.getElementById("cost-per-core");
    const shown = plot.data[0].customdata.map((number) => figures[number]);
    const range = [Math.log10(Math.min(...shown)) - 0.1, Math.log10(Math.max(...shown)) + 0.58];
    return Plotly.update(
      plot,
      { x: [shown], text: [shown.map(si)] },
      {
        "xaxis.title.text": known ? "items for 1 " + (currency || "of your currency") : "items per core-second",
        "xaxis.range": range,
        "xaxis.tickmode": "linear",
        "xaxis.dtick": 1,
        "xaxis.tickformat": "~s",
      },
    );
  }

  async function start() {
    if (typeof Plotly === "undefined") return;
    const plots = [...document.querySelectorAll(".plot")];
    await Promise.all(plots.map(draw));
    const form = document.getElementById("price");
    if (form) {
      form.addEventListener("input", showPrice);
      form.addEventListener("submit", (event) => event.preventDefault());
      await showPrice();
    }
    window.addEventListener("beforeprint", () => {
      for (const plot of plots) Plotly.relayout(plot, { width: PRINT_WIDTH });
    });
    window.addEventListener("afterprint", () => {
      for (const plot of plots) Plotly.relayout(plot, { width: null, autosize: true });
    });
    document.documentElement.dataset.plots = String(plots.length);
  }

  start();
})();
