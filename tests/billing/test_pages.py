"""The pages that buyers return to."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("name", "said"), [("done", "Your order has reached us"), ("cancelled", "You have left the pay page")]
)
def test_a_buyer_without_a_storefront_s_page_gets_ours(client, name, said):
    answer = client.get(f"/checkout/{name}?session=cs_1")
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert "cs_1" not in answer.content.decode()
    assert client.post(f"/checkout/{name}").status_code == 405
