-- Counts
SET param_project = 'default';
SELECT
    (SELECT count() FROM spans WHERE project = {project:String}),
    (SELECT uniqExact(trace_id) FROM traces WHERE project = {project:String} AND spans > 0),
    (SELECT count() FROM logs WHERE project = {project:String}),
    (SELECT count() FROM fragments WHERE project = {project:String});

