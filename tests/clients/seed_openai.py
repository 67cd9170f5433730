# OpenAI Fine-tuning API 사용 예시
from openai import OpenAI
import json

client = OpenAI()

# 상수 정의
MIN_EXAMPLES = 10
RECOMMENDED_EXAMPLES = 100

# 1. 학습 데이터 준비 (JSONL 형식)
training_data = [
    {
        "messages": [
            {"role": "system", "content": "당신은 테크 회사의 고객 지원 전문가입니다. 친절하고 정확하게 답변합니다."},
            {"role": "user", "content": "결제가 안 돼요"},
            {"role": "assistant", "content": "불편을 드려 죄송합니다. 결제 오류 해결을 도와드리겠습니다.\n\n1. 어떤 결제 수단을 사용하셨나요? (신용카드/체크카드/간편결제)\n2. 오류 메시지가 표시되었다면 알려주세요.\n\n일반적인 해결 방법:\n- 카드 한도 확인\n- 다른 결제 수단 시도\n- 앱 재시작 후 재시도\n\n추가 정보를 주시면 더 정확히 도움드릴 수 있습니다."}
        ]
    },
    {
        "messages": [
            {"role": "system", "content": "당신은 테크 회사의 고객 지원 전문가입니다. 친절하고 정확하게 답변합니다."},
            {"role": "user", "content": "앱이 자꾸 꺼져요"},
            {"role": "assistant", "content": "앱 강제 종료 문제를 겪고 계시군요. 다음 순서로 해결해보세요:\n\n**즉시 해결 시도:**\n1. 앱 버전이 최신인지 확인 (앱스토어에서 업데이트)\n2. 기기 재시작\n3. 앱 캐시 삭제 (설정 > 앱 > 저장공간 > 캐시 삭제)\n\n**추가 확인:**\n- 기기 저장 공간이 충분한가요? (최소 1GB 권장)\n- 다른 앱도 종료되나요?\n\n위 방법으로 해결되지 않으면 앱 삭제 후 재설치를 권장드립니다."}
        ]
    },
    # ... 수백~수천 개의 예시
]

# JSONL 파일로 저장
def save_training_data(data: list, filepath: str):
    with open(filepath, "w", encoding="utf-8") as f:
        for item in data:
            f.write(json.dumps(item, ensure_ascii=False) + "\n")

save_training_data(training_data, "training_data.jsonl")

# 2. 파일 업로드
file = client.files.create(
    file=open("training_data.jsonl", "rb"),
    purpose="fine-tune"
)
print(f"File ID: {file.id}")

# 3. Fine-tuning 작업 생성
job = client.fine_tuning.jobs.create(
    training_file=file.id,
    model="gpt-4o-mini-2024-07-18",  # 베이스 모델
    hyperparameters={
        "n_epochs": 3,
        "batch_size": "auto",  # 자동 최적화
        "learning_rate_multiplier": "auto"
    },
    suffix="customer-support"  # 모델 이름에 추가될 접미사
)
print(f"Job ID: {job.id}")

# 4. 학습 상태 확인
def check_training_status(job_id: str):
    job = client.fine_tuning.jobs.retrieve(job_id)
    print(f"Status: {job.status}")
    print(f"Trained tokens: {job.trained_tokens}")

    if job.status == "succeeded":
        print(f"Fine-tuned model: {job.fine_tuned_model}")
    elif job.status == "failed":
        print(f"Error: {job.error}")

    return job

# 학습 이벤트 조회
events = client.fine_tuning.jobs.list_events(fine_tuning_job_id=job.id, limit=10)
for event in events.data:
    print(f"{event.created_at}: {event.message}")

# 5. Fine-tuned 모델 사용
def chat_with_fine_tuned_model(model_id: str, user_message: str) -> str:
    response = client.chat.completions.create(
        model=model_id,  # "ft:gpt-4o-mini-2024-07-18:org:customer-support:abc123"
        messages=[
            {"role": "system", "content": "당신은 테크 회사의 고객 지원 전문가입니다."},
            {"role": "user", "content": user_message}
        ],
        temperature=0.7,
        max_tokens=500
    )
    return response.choices[0].message.content

# 테스트
response = chat_with_fine_tuned_model(
    "ft:gpt-4o-mini-2024-07-18:org:customer-support:abc123",
    "환불 받고 싶어요"
)
print(response)
