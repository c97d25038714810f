"""Ten kinds of Cypher that only read, but take all the time or all the memory that there is."""

_REPLACED = "'aaaaaaaaaa'"
for _ in range(8):
    _REPLACED = f"replace({_REPLACED}, 'a', '{'a' * 20}')"

# `(:Many {i})` are a few hundred nodes.
COSTLY = {
    "a text doubled": "RETURN size(reduce(s = 'aaaaaaaaaa', x IN range(1, 40) | s + s)) AS n",
    "a list doubled": "RETURN size(reduce(s = [1], x IN range(1, 40) | s + s)) AS n",
    "a replacement in a replacement": f"RETURN size({_REPLACED}) AS n",
    "a text taken apart": "RETURN size(split(reduce(s = 'a,', x IN range(1, 26) | s + s), ',')) AS n",
    "rows of a long text": "UNWIND range(1, 1000) AS i RETURN reduce(s = 'aaaaaaaaaa', x IN range(1, 20) | s + s) AS s",
    "rows of many numbers": "UNWIND range(1, 1000) AS i RETURN range(1, 1000000) AS r",
    "a test in a test": "RETURN any(a IN range(1, 1000000) WHERE any(b IN range(1, 1000000) WHERE a + b < 0)) AS x",
    "a list in a list": "RETURN size([a IN range(1, 100000) | [b IN range(1, 100000) | [a, b]]]) AS n",
    "a case in a case": f"RETURN {'CASE WHEN true THEN ' * 3_000}1{' ELSE 0 END' * 3_000} AS n",
    "every node with every other": "MATCH (a:Many), (b:Many), (c:Many), (d:Many) WHERE a.i + b.i + c.i + d.i < 0 "
    "RETURN count(*) AS n",
}
