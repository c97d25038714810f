"""The Cypher texts that count and measure whole layers; see `graph.cypher.units`."""

# model, layer (an id; null: all) -> one row for each layer: how many units it has, and how many of them have a label,
# activity, a histogram, shares, modality, a verdict, each of two verdicts, and each ablation result
LAYERS = """
MATCH (u:Unit {model: $model})
WHERE $layer IS NULL OR u.layer = $layer
RETURN u.layer AS layer, count(*) AS units, count(u.label) AS labelled, count(u.activity) AS activity,
       count(u.histogram_low) AS histograms, count(u.share_exact) AS evidence, count(u.word_selectivity) AS modality,
       count(u.verdict) AS tested,
       sum(CASE u.verdict WHEN 'enriched' THEN 1 ELSE 0 END) AS enriched,
       sum(CASE u.verdict WHEN 'not enriched' THEN 1 ELSE 0 END) AS not_enriched,
       sum(CASE u.ablation WHEN 'supported' THEN 1 ELSE 0 END) AS supported,
       sum(CASE u.ablation WHEN 'contradicted' THEN 1 ELSE 0 END) AS contradicted,
       sum(CASE u.ablation WHEN 'inconclusive' THEN 1 ELSE 0 END) AS inconclusive
ORDER BY layer
"""

# model, layer (an id; null: all), share (which of the shares), bins -> for each layer and bin that is not empty, how
# many units it holds. The bins divide 0 to 1 equally and count from 0; bin -1 is below 0, and bin $bins is above 1
SHARES = """
MATCH (u:Unit {model: $model})
WHERE u[$share] IS NOT NULL AND ($layer IS NULL OR u.layer = $layer)
WITH u.layer AS layer, u[$share] AS share
WITH layer, CASE WHEN share < 0 THEN -1 WHEN share > 1 THEN $bins WHEN share = 1 THEN $bins - 1
            ELSE toInteger(floor(share * $bins)) END AS bin
RETURN layer, bin, count(*) AS units
ORDER BY layer, bin
"""

# model, layer -> mean and standard deviation over the probes of each unit that has a histogram
ACTIVITIES = """
MATCH (u:Unit {model: $model, layer: $layer})
WHERE u.activity_mean IS NOT NULL
RETURN u.channel AS channel, u.activity_mean AS mean, u.activity_sd AS sd
ORDER BY channel
"""
