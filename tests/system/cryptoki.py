# SPDX-License-Identifier: Apache-2.0
"""PKCS#11 by ctypes: the module called as a C program would, across forks too."""
import ctypes

OK, PIN_INCORRECT, NOT_INITIALIZED, ALREADY_INITIALIZED = 0, 0xA0, 0x190, 0x191
DEVICE_ERROR, ALREADY_LOGGED_IN, NOT_LOGGED_IN, NOT_SUPPORTED = 0x30, 0x100, 0x101, 0x54
ARGUMENTS_BAD, BUFFER_TOO_SMALL, SESSION_INVALID, KEY_INVALID = 0x7, 0x150, 0xB3, 0x60
OPERATION_ACTIVE, OPERATION_NOT_INITIALIZED, MECHANISM_INVALID, PARAM_INVALID = 0x90, 0x91, 0x70, 0x71
DATA_LEN_RANGE, ATTRIBUTE_SENSITIVE, TYPE_INVALID, OBJECT_INVALID = 0x21, 0x11, 0x12, 0x82
USER_TYPE_INVALID, FUNCTION_FAILED, NOT_PARALLEL = 0x103, 0x6, 0x51
PUBLIC, PRIVATE, CERTIFICATE = 2, 3, 1
CLASS, LABEL, VALUE, ID, MODULUS, EXPONENT, PRIVATE_EXPONENT, EC_PARAMS, EC_POINT = 0, 3, 0x11, 0x102, 0x120, 0x122, 0x123, 0x180, 0x181
RSA_PKCS, RSA_PSS, ECDSA, SHA256_RSA, ECDSA_SHA256 = 0x1, 0xD, 0x1041, 0x40, 0x1044
NAMES = """Initialize Finalize GetInfo GetFunctionList GetSlotList GetSlotInfo GetTokenInfo GetMechanismList GetMechanismInfo InitToken
InitPIN SetPIN OpenSession CloseSession CloseAllSessions GetSessionInfo GetOperationState SetOperationState Login Logout CreateObject
CopyObject DestroyObject GetObjectSize GetAttributeValue SetAttributeValue FindObjectsInit FindObjects FindObjectsFinal EncryptInit
Encrypt EncryptUpdate EncryptFinal DecryptInit Decrypt DecryptUpdate DecryptFinal DigestInit Digest DigestUpdate DigestKey DigestFinal
SignInit Sign SignUpdate SignFinal SignRecoverInit SignRecover VerifyInit Verify VerifyUpdate VerifyFinal VerifyRecoverInit
VerifyRecover DigestEncryptUpdate DecryptDigestUpdate SignEncryptUpdate DecryptVerifyUpdate GenerateKey GenerateKeyPair WrapKey
UnwrapKey DeriveKey SeedRandom GenerateRandom GetFunctionStatus CancelFunction WaitForSlotEvent""".split()

ulong = ctypes.c_ulong


class Attribute(ctypes.Structure):
    _fields_ = [("type", ulong), ("value", ctypes.c_void_p), ("len", ulong)]


class Mechanism(ctypes.Structure):
    _fields_ = [("type", ulong), ("parameter", ctypes.c_void_p), ("len", ulong)]


class Pss(ctypes.Structure):
    _fields_ = [("hash", ulong), ("mgf", ulong), ("salt", ulong)]


class FunctionList(ctypes.Structure):
    _fields_ = [("version", ctypes.c_ubyte * 2)] + [(n, ctypes.c_void_p) for n in NAMES]


PSS_SHA256 = Pss(0x250, 2, 32)


class Module:
    def __init__(self, path):
        self.library = ctypes.CDLL(str(path))
        pointer = ctypes.POINTER(FunctionList)()
        assert self.library.C_GetFunctionList(ctypes.byref(pointer)) == OK
        self.list = pointer.contents

    def call(self, name, *arguments):
        """The raw return value."""
        function = ctypes.CFUNCTYPE(ulong)(getattr(self.list, name))
        return function(*[ulong(a) if isinstance(a, int) else ctypes.byref(a) if isinstance(a, ctypes.Structure) else a
                          for a in arguments])

    def open(self):
        session = ulong()
        assert self.call("OpenSession", 1, 4, None, None, ctypes.byref(session)) == OK
        return session.value

    def login(self, session, pin=b"1234"):
        return self.call("Login", session, 1, pin, len(pin))

    def find(self, session, *template):
        """Handles, or the return value of C_FindObjectsInit as an exception."""
        array, keep = self.template(template)
        rv = self.call("FindObjectsInit", session, array if template else None, len(template))
        if rv:
            raise RuntimeError(hex(rv))
        handles, count = (ulong * 64)(), ulong()
        assert self.call("FindObjects", session, handles, 64, ctypes.byref(count)) == OK
        assert self.call("FindObjectsFinal", session) == OK
        del keep
        return list(handles)[:count.value]

    @staticmethod
    def template(rows):
        array, keep = (Attribute * max(len(rows), 1))(), []
        for i, (kind, value) in enumerate(rows):
            raw = value if isinstance(value, bytes) else int(value).to_bytes(8, "little")
            buffer = ctypes.create_string_buffer(raw, len(raw))
            keep.append(buffer)
            array[i] = Attribute(kind, ctypes.addressof(buffer), len(raw))
        return array, keep

    def attribute(self, session, handle, kind, room=4096):
        """(return value, bytes)"""
        buffer = ctypes.create_string_buffer(room)
        array = (Attribute * 1)(Attribute(kind, ctypes.addressof(buffer), room))
        rv = self.call("GetAttributeValue", session, handle, array, 1)
        return rv, buffer.raw[:array[0].len] if rv == OK else b""

    def sign_init(self, session, handle, kind, parameter=None):
        mechanism = Mechanism(kind, ctypes.addressof(parameter) if parameter else None, ctypes.sizeof(parameter) if parameter else 0)
        return self.call("SignInit", session, mechanism, handle)

    def sign(self, session, handle, kind, data, parameter=None, room=512):
        """(return value, signature)"""
        rv = self.sign_init(session, handle, kind, parameter)
        if rv:
            return rv, b""
        out, length = ctypes.create_string_buffer(room), ulong(room)
        rv = self.call("Sign", session, data, len(data), out, ctypes.byref(length))
        return rv, out.raw[:length.value] if rv == OK else b""
