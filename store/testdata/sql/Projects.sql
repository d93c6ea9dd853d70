-- Projects
SELECT project, min(start), max(end), sum(spans)
FROM traces GROUP BY project ORDER BY project;

