// A partner written with the package `soap`: document/literal at /mail11 and /mail12, rpc/literal at /sums.
// It prints its address on the first line and serves until it is ended.
'use strict';

const fs = require('fs');
const http = require('http');
const path = require('path');
const soap = require('soap');

const parcels = (parcel) => (Array.isArray(parcel) ? parcel : [parcel]);

const mail = {
  send({ parcel }) {
    const all = parcels(parcel);
    const total = all.reduce((sum, one) => sum + Number(one.weight), 0);
    return { parcel: all, total, sent: all.length };
  },
  lose({ why }) {
    throw {
      Fault: {
        faultcode: 'soap:Server',
        faultstring: why,
        detail: { lost: { where: 'at sea' } },
        Code: { Value: 'soap:Receiver', Subcode: { Value: 'Lost' } },
        Reason: { Text: why },
        statusCode: 500,
      },
    };
  },
};

const services = {
  Mail: { Mail11: mail, Mail12: mail, Sums: { add: ({ a, b }) => ({ sum: Number(a) + Number(b) }) } },
};

const server = http.createServer((request, response) => response.writeHead(404).end());
server.listen(0, '127.0.0.1', () => {
  const address = `http://127.0.0.1:${server.address().port}`;
  const wsdl = fs.readFileSync(path.join(__dirname, 'node.wsdl'), 'utf8').replaceAll('ADDRESS', address);
  soap.listen(server, { path: '/mail11', services, xml: wsdl });
  soap.listen(server, { path: '/mail12', services, xml: wsdl, forceSoap12Headers: true });
  soap.listen(server, { path: '/sums', services, xml: wsdl });
  console.log(address);
});
