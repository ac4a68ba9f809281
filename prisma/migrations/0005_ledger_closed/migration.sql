-- A ledger transaction is complete when it commits: entries can not be added to it later, not even a balanced pair.
ALTER TABLE ledger_transaction ADD COLUMN posted_in xid8 NOT NULL DEFAULT pg_current_xact_id();

CREATE FUNCTION ledger_entry_comes_with_its_transaction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT posted_in FROM ledger_transaction WHERE id = NEW.transaction_id) IS DISTINCT FROM pg_current_xact_id() THEN
    RAISE EXCEPTION 'ledger transaction % is closed', NEW.transaction_id USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER ledger_entry_in_time BEFORE INSERT ON ledger_entry
  FOR EACH ROW EXECUTE FUNCTION ledger_entry_comes_with_its_transaction();
