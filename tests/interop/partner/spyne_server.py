"""A partner written with Spyne: the same service in SOAP 1.1 at /soap11 and in SOAP 1.2 at /soap12.

It prints its address on the first line and serves until it is ended.
"""

import datetime
import decimal
from wsgiref.simple_server import WSGIRequestHandler, make_server

from spyne import (
    AnyDict, Application, Array, Boolean, ByteArray, ComplexModel, Date, DateTime, Decimal, Double, Fault, Integer64,
    Iterable, ServiceBase, Unicode, XmlAttribute, rpc,
)
from spyne.protocol.soap import Soap11, Soap12
from spyne.server.wsgi import WsgiApplication
from spyne.util.wsgi_wrapper import WsgiMounter

NAMESPACE = "urn:partner:stock"


class Line(ComplexModel):
    __namespace__ = "urn:partner:types"
    article = Unicode(min_occurs=1)
    price = Decimal(min_occurs=1)
    amount = Integer64(min_occurs=1)
    unit = XmlAttribute(Unicode)


class Order(ComplexModel):
    __namespace__ = "urn:partner:types"
    customer = Unicode(min_occurs=1, nillable=False)
    lines = Array(Line, min_occurs=1)
    due = Date
    urgent = Boolean
    note = Unicode(max_occurs="unbounded")


class Receipt(ComplexModel):
    __namespace__ = "urn:partner:types"
    total = Decimal
    count = Integer64
    at = DateTime
    order = Order
    ratio = Double
    proof = ByteArray


class Stock(ServiceBase):
    @rpc(Order, _returns=Receipt)
    def place(ctx, order):
        total = sum((line.price * line.amount for line in order.lines), decimal.Decimal(0))
        count = sum(line.amount for line in order.lines)
        at = datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.timezone.utc)
        return Receipt(total=total, count=count, at=at, order=order, ratio=count / 7, proof=[b"\x00\x01abc"])

    @rpc(Integer64, Unicode, _returns=Iterable(Unicode))
    def repeat(ctx, times, text):
        for _ in range(times):
            yield text

    @rpc(Unicode)
    def tell(ctx, text):
        pass

    @rpc(Unicode, _returns=Unicode)
    def fail(ctx, reason):
        raise Fault("Client.Stock", reason, faultactor="urn:partner", detail={"reason": {"text": reason}})

    @rpc(_returns=Unicode)
    def nothing(ctx):
        return None


class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments):
        pass


def application(protocol):
    return WsgiApplication(
        Application([Stock], NAMESPACE, name="Stock", in_protocol=protocol(validator="lxml"), out_protocol=protocol())
    )


if __name__ == "__main__":
    mounts = WsgiMounter({})
    mounts.mounts = {"soap11": application(Soap11), "soap12": application(Soap12)}
    server = make_server("127.0.0.1", 0, mounts, handler_class=Quiet)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
