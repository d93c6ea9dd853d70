-- Stored
SET param_project = 'default';
SELECT
    (SELECT count() FROM spans WHERE project = {project:String}),
    (SELECT count() FROM logs WHERE project = {project:String}) + (SELECT count() FROM fragments WHERE project = {project:String});

