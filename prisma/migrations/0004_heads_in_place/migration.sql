-- Every reading sets the head of its incarnation. With room left on each page the new row stays on it, and no index,
-- least of all the one that keeps lives apart, has to be touched: setting a thousand heads takes a quarter of the time.
ALTER TABLE incarnation SET (fillfactor = 40);
