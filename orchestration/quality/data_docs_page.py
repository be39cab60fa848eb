"""The page of Data Docs: its markup, style and script, all inline.

Great Expectations' own site loads styles, scripts and a logo from seven hosts, shows an empty
status column without them, and has no severity (measured with 1.24). So the page is ours and
only its sentences are Great Expectations'. Add here: how something looks. Keep out: reading
results (data_docs).
"""

STYLE = """
:root { --ink: #1f2933; --soft: #52606d; --line: #d9e2ec; --paper: #ffffff; --ground: #f5f7fa;
  --good: #18794e; --good-bg: #e3f5ea; --bad: #b42318; --bad-bg: #fdecea; --warn: #8a5a00;
  --warn-bg: #fff4d6; --none: #52606d; --none-bg: #edf1f5; --link: #0b5cad; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 24px 64px; }
a { color: var(--link); text-decoration: none; } a:hover { text-decoration: underline; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 4px; font-weight: 650; }
h2 { font-size: 18px; margin: 34px 0 10px; font-weight: 650; }
p { margin: 6px 0; } .soft { color: var(--soft); } .small { font-size: 13px; }
code { font: 12.5px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; color: var(--soft);
  overflow-wrap: anywhere; }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; margin: 20px 0 8px; }
.tile { background: var(--paper); border: 1px solid var(--line); border-radius: 8px;
  padding: 12px 18px; min-width: 130px; }
.tile b { display: block; font-size: 24px; line-height: 1.2; font-weight: 650; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 8px;
  padding: 14px 18px; margin: 10px 0; }
.card.bad { border-left: 5px solid var(--bad); }
.card ul { margin: 8px 0 2px; padding-left: 20px; } .card li { margin: 3px 0; }
.scroll { overflow-x: auto; background: var(--paper); border: 1px solid var(--line);
  border-radius: 8px; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 9px 12px;
  border-bottom: 1px solid var(--line); }
thead th { font-size: 12.5px; color: var(--soft); font-weight: 600; background: #fafbfc;
  white-space: nowrap; }
tr:last-child td { border-bottom: 0; }
.figure { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.chip { display: inline-block; padding: 1px 9px; border-radius: 999px; font-size: 13px;
  font-weight: 600; white-space: nowrap; }
.passed, .accepted { color: var(--good); background: var(--good-bg); }
.failed, .held, .rejected { color: var(--bad); background: var(--bad-bg); }
.error, .warned, .overridden { color: var(--warn); background: var(--warn-bg); }
.not_applicable, .received, .duplicate { color: var(--none); background: var(--none-bg); }
.rule { min-width: 300px; } .rule b { font-weight: 600; }
.why { min-width: 260px; font-size: 13.5px; }
details summary { cursor: pointer; color: var(--soft); font-size: 13px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 3px 16px; margin: 14px 0 0; }
dt { color: var(--soft); } dd { margin: 0; }
.filter { margin: 16px 0 10px; display: flex; gap: 8px; flex-wrap: wrap; }
.filter button { font: inherit; font-size: 13.5px; padding: 4px 14px; border-radius: 999px;
  border: 1px solid var(--line); background: var(--paper); color: var(--ink); cursor: pointer; }
.filter button[aria-pressed="true"] { background: var(--ink); color: #fff;
  border-color: var(--ink); }
@media print { .filter { display: none; } body { background: #fff; } }
"""

SCRIPT = """
document.querySelectorAll('.filter').forEach(function (bar) {
  bar.addEventListener('click', function (event) {
    var wanted = event.target.getAttribute('data-show');
    if (!wanted) { return; }
    bar.querySelectorAll('button').forEach(function (button) {
      button.setAttribute('aria-pressed', String(button === event.target));
    });
    document.querySelectorAll('tr[data-status]').forEach(function (row) {
      var status = row.getAttribute('data-status');
      var open = status === 'failed' || status === 'error';
      row.hidden = wanted === 'open' ? !open : wanted === 'all' ? false : status !== wanted;
    });
  });
});
"""

FRAME = """
{%- macro chip(status, word="") -%}
<span class="chip {{ status }}">{{ word or words.get(status, status) }}</span>
{%- endmacro -%}
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{{ title }}</title>
<style>{{ style }}</style>
</head>
<body><main>
{% block body %}{% endblock %}
</main>
<script>{{ script }}</script>
</body></html>
"""

INDEX = """{% extends "frame" %}
{% block body %}
<h1>Quality of deliveries</h1>
<p class="soft">What each agency's file is held to, and how its latest load did. Built {{ built }}.
These pages hold counts and column names only.</p>
<div class="tiles">
{% for label, figure in tiles %}<div class="tile"><b>{{ figure }}</b>{{ label }}</div>{% endfor %}
</div>
{% if held %}<h2>Held</h2>
{% for load in held %}<div class="card bad">
<p><a href="{{ load.href }}"><b>{{ load.agency }}/{{ load.file }} {{ load.period }}</b></a>
{{ chip('held') }} <span class="soft small">delivery {{ load.delivery }}, {{ load.rows }} rows,
received {{ load.received }}</span></p>
<p>{{ load.reason }}</p>
{% if load.lines %}<ul>{% for line in load.lines %}<li>{{ line }}</li>{% endfor %}</ul>{% endif %}
</div>{% endfor %}{% endif %}
{% if rejected %}<h2>Rejected</h2>
<p class="soft">Files that could not be read as their contract says; nothing of them was loaded.</p>
{% for load in rejected %}<div class="card bad"><p><b>{{ load.agency }}/{{ load.file }}</b>
{{ chip('rejected') }} <span class="soft small">delivery {{ load.delivery }}, received
{{ load.received }}</span></p><p>{{ load.reason }}</p></div>{% endfor %}{% endif %}
{% if core %}<h2>Core</h2>
<div class="scroll"><table><thead><tr><th>Table</th><th>Verdict</th>
<th class="figure">Not passed</th><th class="figure">Rules</th><th>Judged</th></tr></thead><tbody>
{% for row in core %}<tr><td><a href="{{ row.href }}">core/{{ row.file }}</a></td>
<td>{{ chip(row.verdict) }}</td><td class="figure">{{ row.open }}</td>
<td class="figure">{{ row.rules }}</td><td>{{ row.received }}</td></tr>{% endfor %}
</tbody></table></div>{% endif %}
<h2>Latest accepted load of each file</h2>
<div class="scroll"><table><thead><tr><th>File</th><th>Period</th><th>Verdict</th>
<th class="figure">Rows</th><th class="figure">Rules</th><th class="figure">Warnings</th>
<th class="figure">Not applicable</th><th>Received</th></tr></thead><tbody>
{% for load in latest %}<tr><td><a href="{{ load.href }}">{{ load.agency }}/{{ load.file }}</a></td>
<td>{{ load.period }}</td><td>{{ chip(load.verdict) }}</td><td class="figure">{{ load.rows }}</td>
<td class="figure">{{ load.rules }}</td><td class="figure">{{ load.open }}</td>
<td class="figure">{{ load.idle }}</td><td>{{ load.received }}</td></tr>
{% else %}<tr><td colspan="8" class="soft">Nothing has been accepted yet.</td></tr>{% endfor %}
</tbody></table></div>
{% endblock %}
"""

PAGE = """{% extends "frame" %}
{% block body %}
<p class="small"><a href="{{ up }}index.html">All files</a></p>
<h1>{{ heading }} {{ chip(load.verdict) }}</h1>
{% if load.reason %}<p>{{ load.reason }}</p>{% endif %}
<dl>{% for name, value in load.facts %}<dt>{{ name }}</dt><dd>{{ value }}</dd>{% endfor %}</dl>
<div class="filter" role="group" aria-label="Show">
<button data-show="all" aria-pressed="true">All {{ load.results | length }}</button>
<button data-show="open" aria-pressed="false">Not passed {{ load.open }}</button>
<button data-show="not_applicable" aria-pressed="false">Not applicable {{ load.idle }}</button>
</div>
<div class="scroll"><table><thead><tr><th>Status</th><th>Rule and what was found</th>
<th>Severity</th><th>Dimension</th><th>Why it matters, and what to do</th></tr></thead><tbody>
{% for r in load.results %}<tr data-status="{{ r.status }}">
<td>{{ chip(r.shown, words.get(r.status, r.status)) }}</td>
<td class="rule"><b>{{ r.says }}</b><br>{{ r.message }}<br>
<code>{{ r.rule_id }}</code>
<details><summary>The rule in full</summary>
{% if r.statement %}<p class="small">{{ r.statement }}</p>{% endif %}
<p class="small soft">{{ r.type }}{% if r.covers %}; covers {{ r.covers }}{% endif %}{% if
r.threshold %}; limit {{ r.threshold }}{% endif %}.
{% if r.because %}{{ r.because }} Set {{ r.calibrated }}.{% endif %}
{% if r.source %}Written in {{ r.source }}.{% endif %}</p></details></td>
<td>{{ r.severity }}</td><td>{{ r.dimension }}</td>
<td class="why">{{ r.why }}<br><span class="soft">{{ r.fix }}</span></td></tr>
{% endfor %}</tbody></table></div>
{% endblock %}
"""
