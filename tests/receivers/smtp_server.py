"""An SMTP server for tests (aiosmtpd): writes every mail it takes to a file, one JSON object a line.

smtp_server.py PORT OUT (none|starttls|tls) [CERTIFICATE KEY]
With TLS it wants user weir with password hunter2. It refuses mail to nobody@example.com.
"""
import email
import email.policy
import json
import signal
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult


class Keeper:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address == "nobody@example.com":
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        kept = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None or mode == "tls",
            "user": session.auth_data,
            "headers": {name: str(value) for name, value in mail.items()},
            "defects": [str(defect) for defect in mail.defects],
            "body": mail.get_content(),
        }
        with open(out, "a", encoding="utf-8") as file:
            file.write(json.dumps(kept) + "\n")
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    good = (data.login, data.password) == (b"weir", b"hunter2")
    return AuthResult(success=good, handled=False, auth_data="weir" if good else None)


port, out, mode = int(sys.argv[1]), sys.argv[2], sys.argv[3]
options = {}
context = None
if mode != "none":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[4], sys.argv[5])
    options = {"authenticator": authenticate, "auth_required": True}
if mode == "starttls":
    options |= {"tls_context": context, "require_starttls": True}
if mode == "tls":
    options |= {"auth_require_tls": False}


class Server(Controller):
    def factory(self):
        return SMTP(self.handler, **options)


server = Server(Keeper(), hostname="127.0.0.1", port=port, ssl_context=context if mode == "tls" else None)
server.start()
print("ready", flush=True)
signal.pause()
