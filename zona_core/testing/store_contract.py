"""What every ``DocumentStore`` must do, as tests.

An adapter's author subclasses ``DocumentStoreContract`` in a test module and gives it the fixture ``store_factory``::

    class TestMyStore(DocumentStoreContract):
        @pytest.fixture
        def store_factory(self, tmp_path):
            return lambda: MyStore(f"mine://{tmp_path}/db")

Each call of the factory opens another store object on the one database of the test, which is empty when the test
begins. This module needs pytest; the rest of ``zona_core.testing`` does not.
"""

from __future__ import annotations

from ._contract_documents import DocumentsContract
from ._contract_paging import PagingContract
from ._contract_queries import QueriesContract
from ._contract_search import SearchContract
from ._contract_transactions import TransactionsContract
from ._contract_upkeep import UpkeepContract

__all__ = ["DocumentStoreContract"]


class DocumentStoreContract(
    DocumentsContract, QueriesContract, PagingContract, SearchContract, TransactionsContract, UpkeepContract
):
    """All parts of the contract; see ``zona_core.ports.store``."""
