// SPDX-License-Identifier: Apache-2.0

// A KMIP server for tests, on a codec and protocol engine that are not ours (ovh/kmip-go): TLS 1.3, KMIP 1.2 to 1.4,
// names that are unique, keys given in the forms that PyKMIP does not use (PKCS#1, SEC1, transparent AES).
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"sync"

	"github.com/ovh/kmip-go"
	"github.com/ovh/kmip-go/kmipserver"
	"github.com/ovh/kmip-go/payloads"
)

type object struct {
	id, name  string
	kind      kmip.ObjectType
	algorithm kmip.CryptographicAlgorithm
	bits      int32
	state     kmip.State
	format    kmip.KeyFormatType
	bytes     []byte
}

var (
	lock    sync.Mutex
	objects = map[string]*object{}
	last    int
)

func refuse(reason kmip.ResultReason, text string) error {
	return kmipserver.Errorf(reason, "%s", text)
}

func add(o *object) (string, error) {
	for _, other := range objects {
		if o.name != "" && other.name == o.name {
			return "", refuse(kmip.ResultReasonObjectAlreadyExists, "name")
		}
	}
	last++
	o.id = fmt.Sprintf("object-%d", last)
	o.state = kmip.StatePreActive
	objects[o.id] = o
	return o.id, nil
}

func find(id string) (*object, error) {
	o := objects[id]
	if o == nil {
		return nil, refuse(kmip.ResultReasonItemNotFound, "no such object")
	}
	return o, nil
}

func read(o *object, attributes []kmip.Attribute) {
	for _, a := range attributes {
		switch v := a.AttributeValue.(type) {
		case kmip.Name:
			o.name = v.NameValue
		case kmip.CryptographicAlgorithm:
			o.algorithm = v
		case int32:
			if a.AttributeName == kmip.AttributeNameCryptographicLength {
				o.bits = v
			}
		}
	}
}

func create(_ context.Context, q *payloads.CreateRequestPayload) (*payloads.CreateResponsePayload, error) {
	lock.Lock()
	defer lock.Unlock()
	o := &object{kind: kmip.ObjectTypeSymmetricKey, format: kmip.KeyFormatTypeTransparentSymmetricKey}
	read(o, q.TemplateAttribute.Attribute)
	o.bytes = make([]byte, o.bits/8)
	rand.Read(o.bytes)
	id, err := add(o)
	return &payloads.CreateResponsePayload{ObjectType: o.kind, UniqueIdentifier: id}, err
}

func makePrivate(o *object) (err error) {
	if o.algorithm == kmip.CryptographicAlgorithmRSA {
		key, err := rsa.GenerateKey(rand.Reader, int(o.bits))
		if err == nil {
			o.format, o.bytes = kmip.KeyFormatTypePKCS_1, x509.MarshalPKCS1PrivateKey(key)
		}
		return err
	}
	curve := map[int32]elliptic.Curve{256: elliptic.P256(), 384: elliptic.P384(), 521: elliptic.P521()}[o.bits]
	if o.algorithm != kmip.CryptographicAlgorithmECDSA || curve == nil {
		return refuse(kmip.ResultReasonInvalidField, "algorithm")
	}
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err == nil {
		o.format = kmip.KeyFormatTypeECPrivateKey
		o.bytes, err = x509.MarshalECPrivateKey(key)
	}
	return err
}

func createPair(_ context.Context, q *payloads.CreateKeyPairRequestPayload) (*payloads.CreateKeyPairResponsePayload, error) {
	lock.Lock()
	defer lock.Unlock()
	private, public := &object{kind: kmip.ObjectTypePrivateKey}, &object{kind: kmip.ObjectTypePublicKey}
	for _, o := range []*object{private, public} {
		read(o, q.CommonTemplateAttribute.Attribute)
	}
	read(private, q.PrivateKeyTemplateAttribute.Attribute)
	read(public, q.PublicKeyTemplateAttribute.Attribute)
	if err := makePrivate(private); err != nil {
		return nil, err
	}
	id, err := add(private)
	if err != nil {
		return nil, err
	}
	other, err := add(public)
	return &payloads.CreateKeyPairResponsePayload{PrivateKeyUniqueIdentifier: id, PublicKeyUniqueIdentifier: other}, err
}

func register(_ context.Context, q *payloads.RegisterRequestPayload) (*payloads.RegisterResponsePayload, error) {
	lock.Lock()
	defer lock.Unlock()
	o := &object{kind: q.ObjectType}
	read(o, q.TemplateAttribute.Attribute)
	var block kmip.KeyBlock
	switch key := q.Object.(type) {
	case *kmip.SymmetricKey:
		block = key.KeyBlock
	case *kmip.PrivateKey:
		block = key.KeyBlock
	case *kmip.SecretData:
		block = key.KeyBlock
	default:
		return nil, refuse(kmip.ResultReasonInvalidField, "object type")
	}
	o.format, o.algorithm, o.bits = block.KeyFormatType, block.CryptographicAlgorithm, block.CryptographicLength
	o.bytes = *block.KeyValue.Plain.KeyMaterial.Bytes
	id, err := add(o)
	return &payloads.RegisterResponsePayload{UniqueIdentifier: id}, err
}

func locate(_ context.Context, q *payloads.LocateRequestPayload) (*payloads.LocateResponsePayload, error) {
	lock.Lock()
	defer lock.Unlock()
	answer := &payloads.LocateResponsePayload{}
	for _, o := range objects {
		fits := true
		for _, a := range q.Attribute {
			switch v := a.AttributeValue.(type) {
			case kmip.Name:
				fits = fits && v.NameValue == o.name
			case kmip.State:
				fits = fits && v == o.state
			default:
				return nil, refuse(kmip.ResultReasonInvalidField, "attribute")
			}
		}
		if fits && len(answer.UniqueIdentifier) < int(q.MaximumItems) {
			answer.UniqueIdentifier = append(answer.UniqueIdentifier, o.id)
		}
	}
	return answer, nil
}

func material(o *object, wanted kmip.KeyFormatType) (kmip.KeyFormatType, kmip.KeyMaterial, error) {
	if wanted != 0 && wanted != o.format && (wanted != kmip.KeyFormatTypeRaw || o.kind != kmip.ObjectTypeSymmetricKey) {
		return 0, kmip.KeyMaterial{}, refuse(kmip.ResultReasonKeyFormatTypeNotSupported, "format")
	}
	if wanted == 0 && o.format == kmip.KeyFormatTypeTransparentSymmetricKey {
		return o.format, kmip.KeyMaterial{TransparentSymmetricKey: &kmip.TransparentSymmetricKey{Key: o.bytes}}, nil
	}
	if wanted == 0 {
		wanted = o.format
	}
	return wanted, kmip.KeyMaterial{Bytes: &o.bytes}, nil
}

func get(_ context.Context, q *payloads.GetRequestPayload) (*payloads.GetResponsePayload, error) {
	lock.Lock()
	defer lock.Unlock()
	o, err := find(q.UniqueIdentifier)
	if err != nil {
		return nil, err
	}
	format, bytes, err := material(o, q.KeyFormatType)
	if err != nil {
		return nil, err
	}
	block := kmip.KeyBlock{KeyFormatType: format, CryptographicAlgorithm: o.algorithm, CryptographicLength: o.bits,
		KeyValue: &kmip.KeyValue{Plain: &kmip.PlainKeyValue{KeyMaterial: bytes}}}
	answer := &payloads.GetResponsePayload{ObjectType: o.kind, UniqueIdentifier: o.id}
	switch o.kind {
	case kmip.ObjectTypeSymmetricKey:
		answer.Object = &kmip.SymmetricKey{KeyBlock: block}
	case kmip.ObjectTypePrivateKey:
		answer.Object = &kmip.PrivateKey{KeyBlock: block}
	case kmip.ObjectTypeSecretData:
		answer.Object = &kmip.SecretData{SecretDataType: kmip.SecretDataTypePassword, KeyBlock: block}
	default:
		return nil, refuse(kmip.ResultReasonSensitive, "not to be read")
	}
	return answer, nil
}

func getAttributes(_ context.Context, q *payloads.GetAttributesRequestPayload) (*payloads.GetAttributesResponsePayload, error) {
	lock.Lock()
	defer lock.Unlock()
	o, err := find(q.UniqueIdentifier)
	if err != nil {
		return nil, err
	}
	all := []kmip.Attribute{
		{AttributeName: kmip.AttributeNameObjectType, AttributeValue: o.kind},
		{AttributeName: kmip.AttributeNameCryptographicAlgorithm, AttributeValue: o.algorithm},
		{AttributeName: kmip.AttributeNameCryptographicLength, AttributeValue: o.bits},
		{AttributeName: kmip.AttributeNameState, AttributeValue: o.state},
	}
	if o.name != "" {
		all = append(all, kmip.Attribute{AttributeName: kmip.AttributeNameName,
			AttributeValue: kmip.Name{NameValue: o.name, NameType: kmip.NameTypeUninterpretedTextString}})
	}
	return &payloads.GetAttributesResponsePayload{UniqueIdentifier: o.id, Attribute: all}, nil
}

/* From one state to the next; any other way is illegal. */
func step(id string, from, to kmip.State) error {
	lock.Lock()
	defer lock.Unlock()
	o, err := find(id)
	if err == nil && o.state != from {
		err = refuse(kmip.ResultReasonIllegalOperation, "state")
	}
	if err == nil {
		o.state = to
	}
	return err
}

func activate(_ context.Context, q *payloads.ActivateRequestPayload) (*payloads.ActivateResponsePayload, error) {
	return &payloads.ActivateResponsePayload{UniqueIdentifier: q.UniqueIdentifier},
		step(q.UniqueIdentifier, kmip.StatePreActive, kmip.StateActive)
}

func revoke(_ context.Context, q *payloads.RevokeRequestPayload) (*payloads.RevokeResponsePayload, error) {
	return &payloads.RevokeResponsePayload{UniqueIdentifier: q.UniqueIdentifier},
		step(q.UniqueIdentifier, kmip.StateActive, kmip.StateDeactivated)
}

func destroy(_ context.Context, q *payloads.DestroyRequestPayload) (*payloads.DestroyResponsePayload, error) {
	lock.Lock()
	defer lock.Unlock()
	o, err := find(q.UniqueIdentifier)
	if err == nil && o.state == kmip.StateActive {
		err = refuse(kmip.ResultReasonPermissionDenied, "active")
	}
	if err == nil {
		delete(objects, o.id)
	}
	return &payloads.DestroyResponsePayload{UniqueIdentifier: q.UniqueIdentifier}, err
}

func route(b *kmipserver.BatchExecutor) {
	b.Route(kmip.OperationCreate, kmipserver.HandleFunc(create))
	b.Route(kmip.OperationCreateKeyPair, kmipserver.HandleFunc(createPair))
	b.Route(kmip.OperationRegister, kmipserver.HandleFunc(register))
	b.Route(kmip.OperationLocate, kmipserver.HandleFunc(locate))
	b.Route(kmip.OperationGet, kmipserver.HandleFunc(get))
	b.Route(kmip.OperationGetAttributes, kmipserver.HandleFunc(getAttributes))
	b.Route(kmip.OperationActivate, kmipserver.HandleFunc(activate))
	b.Route(kmip.OperationRevoke, kmipserver.HandleFunc(revoke))
	b.Route(kmip.OperationDestroy, kmipserver.HandleFunc(destroy))
}

func main() {
	listen := flag.String("listen", "127.0.0.1:5696", "address")
	certificate, key := flag.String("certificate", "", "PEM"), flag.String("key", "", "PEM")
	ca := flag.String("ca", "", "of clients, PEM")
	flag.Parse()

	pair, err := tls.LoadX509KeyPair(*certificate, *key)
	if err != nil {
		log.Fatal(err)
	}
	text, err := os.ReadFile(*ca)
	if err != nil {
		log.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	plain, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	executor := kmipserver.NewBatchExecutor()
	route(executor)
	listener := tls.NewListener(plain, &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool,
		ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13})
	log.Fatal(kmipserver.NewServer(listener, executor).WithMaxMessageSize(4 << 20).Serve())
}
