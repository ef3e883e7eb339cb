"""The limit of uvloop with httptools: every request is read whole and gets the same answer, without a model."""

import asyncio
import sys

import httptools
import uvloop

OUTPUT = b'{"name":"value","datatype":"FP32","shape":[1,1],"data":[1.5]}'
BODY = b'{"model_name":"points","model_version":"1","outputs":[%b]}' % OUTPUT
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


class Hello(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data):
        self.parser.feed_data(data)

    def on_url(self, url):
        self.url = url

    def on_header(self, name, value):
        pass

    def on_body(self, body):
        self.body = body

    def on_message_complete(self):
        self.transport.write(ANSWER)


async def main():
    server = await asyncio.get_running_loop().create_server(Hello, "127.0.0.1", int(sys.argv[1]), backlog=2048)
    await server.serve_forever()


uvloop.run(main())
